/** The messages of a session. */

import { at, guarded, keyed, somewhere } from "./calls.js";
import { withNamedMessages } from "./ids.js";
import { Sessions } from "./sessions.js";

/** @import * as T from "./types.js" */

export class Messages extends Sessions {
  /**
   * Appends one message, or 1 to 200 of them, all or none.
   *
   * @param {string} sessionId
   * @param {T.MessageInput | T.MessageInput[]} messages
   * @param {T.Guarded & T.Keyed} [options]
   * @returns {Promise<T.Appended>}
   */
  async appendMessages(sessionId, messages, options) {
    const body = { messages: Array.isArray(messages) ? messages : [messages] };
    return this._json("POST", at(sessionId, "messages"), keyed(body, options));
  }

  /**
   * Appends to `session_id`, which is made if need be, or to a new session: the message itself, or `messages`.
   *
   * @param {T.MessageInput & T.AnywhereFields} body
   * @param {T.Guarded & T.Keyed} [options]
   * @returns {Promise<T.Appended>}
   */
  async appendAnywhere(body, options) {
    const target = options?.idempotencyKey ? body : somewhere(body);
    return this._json("POST", "/messages", keyed(target, options));
  }

  /**
   * Returns a page of messages, newest first unless told otherwise; with `format: "openai"` a list for a model.
   *
   * @template {T.MessageQuery & { cursor?: string | null, last?: number, format?: "openai" }} Q
   * @param {string} sessionId
   * @param {Q} [query]
   * @param {T.Options} [options]
   * @returns {Promise<Q extends { format: "openai" } ? T.OpenAIMessage[] : T.List<T.Message>>}
   */
  async listMessages(sessionId, query, options) {
    return this._json("GET", at(sessionId, "messages"), { query, ...options });
  }

  /**
   * Yields messages to the last one, newest first unless told otherwise.
   *
   * @param {string} sessionId
   * @param {T.MessageQuery} [query]
   * @param {T.Options} [options]
   * @returns {AsyncGenerator<T.Message, void, undefined>}
   */
  messages(sessionId, query, options) {
    return this._pages(at(sessionId, "messages"), query, options);
  }

  /**
   * Returns one message.
   *
   * @param {string} sessionId
   * @param {string} messageId
   * @param {T.Options} [options]
   * @returns {Promise<T.Message>}
   */
  async getMessage(sessionId, messageId, options) {
    return this._json("GET", at(sessionId, "messages", messageId), options);
  }

  /**
   * Sets a message's `metadata` or `feedback`.
   *
   * @param {string} sessionId
   * @param {string} messageId
   * @param {T.MessageChanges} changes
   * @param {T.Guarded} [options]
   * @returns {Promise<T.Message>}
   */
  async updateMessage(sessionId, messageId, changes, options) {
    return this._json("PATCH", at(sessionId, "messages", messageId), { body: changes, ...guarded(options) });
  }

  /**
   * Takes away what a message says; its place stays.
   *
   * @param {string} sessionId
   * @param {string} messageId
   * @param {T.Guarded} [options]
   * @returns {Promise<{}>}
   */
  async redactMessage(sessionId, messageId, options) {
    return this._json("DELETE", at(sessionId, "messages", messageId), guarded(options));
  }

  /**
   * Puts another message in the place of one; id, seq, time and feedback stay.
   *
   * @param {string} sessionId
   * @param {string} messageId
   * @param {T.MessageFields} message
   * @param {T.Guarded} [options]
   * @returns {Promise<T.Message>}
   */
  async replaceMessage(sessionId, messageId, message, options) {
    return this._json("PUT", at(sessionId, "messages", messageId), { body: message, ...guarded(options) });
  }

  /**
   * Makes 0 to 200 messages all that follows `afterSeq`, in one step; 0 replaces everything.
   *
   * @param {string} sessionId
   * @param {number} afterSeq
   * @param {T.MessageInput[]} messages
   * @param {T.Guarded} [options]
   * @returns {Promise<T.Appended>}
   */
  async replaceTail(sessionId, afterSeq, messages, options) {
    const body = withNamedMessages({ messages });
    return this._json("PUT", at(sessionId, "messages"), { query: { after: afterSeq }, body, ...guarded(options) });
  }

  /**
   * Removes every message and keeps the session; with `after` only what is newer than that seq.
   *
   * @param {string} sessionId
   * @param {T.Guarded & { after?: number }} [options]
   * @returns {Promise<{}>}
   */
  async clearMessages(sessionId, { after, ...options } = {}) {
    return this._json("DELETE", at(sessionId, "messages"), { query: { after }, ...guarded(options) });
  }
}

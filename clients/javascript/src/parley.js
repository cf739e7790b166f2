/** The client: every route of Parley's API is one method, and what comes in pages is an async iterator besides. */

import { CHAT, at, somewhere } from "./calls.js";
import { withNamedMessages } from "./ids.js";
import { Messages } from "./messages.js";
import { after, followTurn } from "./turns.js";

/** @import * as T from "./types.js" */
/** @import { Call } from "./connection.js" */

export { ParleyError } from "./errors.js";

/**
 * Speaks to Parley for one user.
 *
 * Methods return the JSON as the API answers it; `answerOf(result)` has the etag, the request id and the charge.
 * What gets no answer, or 429, 502, 503 or 504, is sent again, up to `maxRetries` times: messages get ids and new
 * sessions a key, by which Parley recognises a repeat. `fork` and `createShare` are sent once. Refusals are
 * `ParleyError`; an aborted `signal` throws its reason. Each answer's session token goes back with the next request.
 */
export class Parley extends Messages {
  /**
   * Says something and yields the model's reply as it comes: `turn`, `delta`, `tool_calls`, and last `done` or `error`.
   *
   * A stream that breaks off is joined where it was. Without a session (null) `session_id` or a new one is taken.
   * Leaving the loop does not stop the turn unless `ifClosed` says so; `stopTurn` does.
   *
   * @param {string | null} sessionId
   * @param {T.NewTurnBody} [body]
   * @param {T.Joining & { ifClosed?: "finish" | "stop" }} [options] `stop`: leaving the loop, or losing the stream, stops the turn
   * @returns {AsyncGenerator<T.TurnEvent, void, undefined>}
   */
  async *takeTurn(sessionId, body = {}, { signal, lastEventId, ifClosed } = {}) {
    const said = /** @type {T.MessageInput & T.AnywhereFields} */ (withNamedMessages(body));
    const target = sessionId === null ? somewhere(said) : said;
    const path = CHAT + (sessionId === null ? "/turns" : at(sessionId, "turns"));
    const messageId = said.messages ? said.messages.at(-1)?.id : said.id;
    const call = { method: "POST", path, query: { if_closed: ifClosed }, body: target, signal };
    yield* this.#turn(sessionId ?? String(target.session_id), call, { lastEventId, messageId });
  }

  /**
   * Yields the events of a turn that is being made, or is done, after the one of `lastEventId`.
   *
   * @param {string} sessionId
   * @param {string} messageId the id of the last message said
   * @param {T.Joining} [options]
   * @returns {AsyncGenerator<T.TurnEvent, void, undefined>}
   */
  async *joinTurn(sessionId, messageId, { lastEventId, signal } = {}) {
    const path = CHAT + at(sessionId, "turns", messageId);
    yield* this.#turn(sessionId, { method: "GET", path, signal }, { lastEventId, messageId });
  }

  /**
   * Returns how far a turn is.
   *
   * @param {string} sessionId
   * @param {string} messageId the id of the last message said
   * @param {T.Options} [options]
   * @returns {Promise<T.TurnState>}
   */
  async getTurn(sessionId, messageId, options) {
    return this._json("GET", at(sessionId, "turns", messageId), options);
  }

  /**
   * Stops a turn; what came so far is stored as the reply.
   *
   * @param {string} sessionId
   * @param {string} messageId the id of the last message said
   * @param {T.Options} [options]
   * @returns {Promise<{}>}
   */
  async stopTurn(sessionId, messageId, options) {
    return this._json("DELETE", at(sessionId, "turns", messageId), options);
  }

  /**
   * Has the newest turn's reply made anew, and yields it as `takeTurn` does; asked for once, because it costs.
   *
   * @param {string} sessionId
   * @param {string} messageId the id of the last message said
   * @param {T.Options & T.TurnOptions} [options]
   * @returns {AsyncGenerator<T.TurnEvent, void, undefined>}
   */
  async *regenerate(sessionId, messageId, { signal, ...wishes } = {}) {
    const path = CHAT + at(sessionId, "turns", messageId, "regenerate");
    yield* this.#turn(sessionId, { method: "POST", path, body: wishes, once: true, signal }, { messageId });
  }

  /**
   * Returns a page of the messages that contain a text, newest session first.
   *
   * @param {string} text
   * @param {T.SearchFilter & { cursor?: string | null }} [query]
   * @param {T.Options} [options]
   * @returns {Promise<T.List<T.Hit>>}
   */
  async search(text, query, options) {
    return this._json("GET", "/search", { query: { q: text, ...query }, ...options });
  }

  /**
   * Yields the messages that contain a text, newest session first.
   *
   * @param {string} text
   * @param {T.SearchFilter} [query]
   * @param {T.Options} [options]
   * @returns {AsyncGenerator<T.Hit, void, undefined>}
   */
  searchAll(text, query, options) {
    return this._pages("/search", { q: text, ...query }, options);
  }

  /**
   * Counts everything the owner has, and what came in the last `days`.
   *
   * @param {T.Options & { days?: number }} [options]
   * @returns {Promise<T.OwnerStats>}
   */
  async stats({ days, signal } = {}) {
    return this._json("GET", "/stats", { query: { days }, signal });
  }

  /**
   * Yields everything the owner has as lines of JSON, a text for each 8 MiB of it.
   *
   * @param {T.Options} [options]
   * @returns {AsyncGenerator<string, void, undefined>}
   */
  exportOwner(options) {
    return this._connection.parts({ method: "GET", path: `${CHAT}/export`, ...options });
  }

  /**
   * Erases everything the owner has, and returns how much that was.
   *
   * @param {T.Options} [options]
   * @returns {Promise<T.Erased>}
   */
  async eraseAll(options) {
    const total = { sessions: 0, messages: 0 };
    for (let done = false; !done; ) {
      const answer = await this._json("DELETE", "/data", options);
      total.sessions += answer.deleted.sessions;
      total.messages += answer.deleted.messages;
      done = answer.done;
    }
    return total;
  }

  /**
   * Returns whether the store answers, asked once; a ParleyError with status 503 where it does not.
   *
   * @param {T.Options} [options]
   * @returns {Promise<T.Health>}
   */
  async health(options) {
    return this._connection.json({ method: "GET", path: "/api/health", once: true, ...options });
  }

  /**
   * @param {string} session
   * @param {Call} call
   * @param {{ lastEventId?: string, messageId?: string }} known
   */
  #turn(session, call, { lastEventId, messageId }) {
    return followTurn(this._connection, after(call, lastEventId), async (eventId, turn) => {
      const said = messageId ?? turn?.messages.at(-1)?.id ?? (await this.#answeredBy(session, turn?.reply_id ?? ""));
      return after({ method: "GET", path: CHAT + at(session, "turns", said), signal: call.signal }, eventId);
    });
  }

  /**
   * Returns the id of the message that a reply answers, where nothing was said with the turn.
   *
   * @param {string} session
   * @param {string} replyId
   */
  async #answeredBy(session, replyId) {
    const { data } = await this.listMessages(session, { last: 2 });
    return data.filter(({ id }) => id !== replyId).at(-1)?.id ?? replyId;
  }
}

/** The client: every route of Parley's API is one method, and what comes in pages is an async iterator besides. */

import { Connection } from "./connection.js";
import { newId, withNamedMessages } from "./ids.js";
import { after, followTurn } from "./turns.js";

/** @import * as T from "./types.js" */
/** @import { Call } from "./connection.js" */

export { ParleyError } from "./errors.js";

const CHAT = "/api/chat";
const PAGE = { limit: 100 };

/**
 * Speaks to Parley for one user.
 *
 * Methods return the JSON as the API answers it; `answerOf(result)` has the etag, the request id and the charge.
 * What gets no answer, or 429, 502, 503 or 504, is sent again, up to `maxRetries` times: messages get ids and new
 * sessions a key, by which Parley recognises a repeat. `fork` and `createShare` are sent once. Refusals are
 * `ParleyError`; an aborted `signal` throws its reason. Each answer's session token goes back with the next request.
 */
export class Parley {
  #connection;

  /** @param {T.ParleyOptions} [options] */
  constructor(options) {
    this.#connection = new Connection(options);
  }

  /**
   * Creates a session; one with an `id` that the owner already has is refused with `session_exists`.
   *
   * @param {T.SessionFields} [fields]
   * @param {T.Keyed} [options]
   * @returns {Promise<T.Session>}
   */
  async createSession(fields = {}, { idempotencyKey, signal } = {}) {
    const headers = { "idempotency-key": idempotencyKey ?? (fields.id ? undefined : newId()) };
    return this.#json("POST", "/sessions", { body: fields, headers, signal });
  }

  /**
   * Returns a page of sessions, last activity first.
   *
   * @param {T.SessionFilter & { cursor?: string | null }} [query]
   * @param {T.Options} [options]
   * @returns {Promise<T.List<T.Session>>}
   */
  async listSessions(query, options) {
    return this.#json("GET", "/sessions", { query, ...options });
  }

  /**
   * Yields sessions, last activity first.
   *
   * @param {T.SessionFilter} [query]
   * @param {T.Options} [options]
   * @returns {AsyncGenerator<T.Session, void, undefined>}
   */
  sessions(query, options) {
    return this.#pages("/sessions", query, options);
  }

  /**
   * Returns a session with its newest messages, oldest of them first.
   *
   * @overload
   * @param {string} sessionId
   * @param {T.Options & { limit?: number, ifNoneMatch?: null }} [options]
   * @returns {Promise<T.SessionWithMessages>}
   */
  /**
   * Returns a session with its newest messages, oldest of them first; null if it still has this etag.
   *
   * @overload
   * @param {string} sessionId
   * @param {T.Options & { limit?: number, ifNoneMatch: string }} options
   * @returns {Promise<T.SessionWithMessages | null>}
   */
  /**
   * @param {string} sessionId
   * @param {T.Options & { limit?: number, ifNoneMatch?: string | null }} [options]
   */
  async getSession(sessionId, { limit, ifNoneMatch, signal } = {}) {
    const headers = { "if-none-match": ifNoneMatch ?? undefined };
    return this.#json("GET", at(sessionId), { query: { limit }, headers, signal });
  }

  /**
   * Changes a session's settings.
   *
   * @param {string} sessionId
   * @param {T.SessionChanges} changes
   * @param {T.Guarded} [options]
   * @returns {Promise<T.Session>}
   */
  async updateSession(sessionId, changes, options) {
    return this.#json("PATCH", at(sessionId), { body: changes, ...guarded(options) });
  }

  /**
   * Deletes a session and every message of it, for good.
   *
   * @param {string} sessionId
   * @param {T.Guarded} [options]
   * @returns {Promise<{}>}
   */
  async deleteSession(sessionId, options) {
    return this.#json("DELETE", at(sessionId), { goneIsDone: true, ...guarded(options) });
  }

  /**
   * Archives a session: it leaves the default list and takes no messages until it is restored.
   *
   * @param {string} sessionId
   * @param {T.Guarded} [options]
   * @returns {Promise<T.Session>}
   */
  async archiveSession(sessionId, options) {
    return this.#json("POST", at(sessionId, "archive"), guarded(options));
  }

  /**
   * Makes an archived session active again.
   *
   * @param {string} sessionId
   * @param {T.Guarded} [options]
   * @returns {Promise<T.Session>}
   */
  async restoreSession(sessionId, options) {
    return this.#json("POST", at(sessionId, "restore"), guarded(options));
  }

  /**
   * Counts a session's messages.
   *
   * @param {string} sessionId
   * @param {T.Options} [options]
   * @returns {Promise<T.SessionStats>}
   */
  async sessionStats(sessionId, options) {
    return this.#json("GET", at(sessionId, "stats"), options);
  }

  /**
   * Yields the export of a session, a text for each 8 MiB of it.
   *
   * @param {string} sessionId
   * @param {T.Options & { format?: "json" | "ndjson" | "markdown" | "openai" }} [options]
   * @returns {AsyncGenerator<string, void, undefined>}
   */
  exportSession(sessionId, { format, signal } = {}) {
    return this.#connection.parts({ method: "GET", path: CHAT + at(sessionId, "export"), query: { format }, signal });
  }

  /**
   * Makes a new session of the messages up to `afterSeq`, or of all; sent once, because a second one would be another.
   *
   * @param {string} sessionId
   * @param {T.Options & { afterSeq?: number }} [options]
   * @returns {Promise<T.Session>}
   */
  async forkSession(sessionId, { afterSeq, signal } = {}) {
    return this.#json("POST", at(sessionId, "fork"), { body: { after_seq: afterSeq }, once: true, signal });
  }

  /**
   * Makes a link that shows the session to anybody who has it; sent once, because a second one would be another.
   *
   * @param {string} sessionId
   * @param {T.Options & { expiresInSeconds?: number, upToSeq?: number }} [options]
   * @returns {Promise<T.NewLink>}
   */
  async createShare(sessionId, { expiresInSeconds, upToSeq, signal } = {}) {
    const body = { expires_in_seconds: expiresInSeconds, up_to_seq: upToSeq };
    return this.#json("POST", at(sessionId, "share"), { body, once: true, signal });
  }

  /**
   * Returns a page of a session's links.
   *
   * @param {string} sessionId
   * @param {{ limit?: number, cursor?: string | null }} [query]
   * @param {T.Options} [options]
   * @returns {Promise<T.List<T.Link>>}
   */
  async listShares(sessionId, query, options) {
    return this.#json("GET", at(sessionId, "share"), { query, ...options });
  }

  /**
   * Makes a link useless.
   *
   * @param {string} sessionId
   * @param {string} shareId
   * @param {T.Options} [options]
   * @returns {Promise<{}>}
   */
  async revokeShare(sessionId, shareId, options) {
    return this.#json("DELETE", at(sessionId, "share", shareId), { goneIsDone: true, ...options });
  }

  /**
   * Returns what a link shows, a page of it.
   *
   * @param {string} token the last part of the link
   * @param {T.Options & { cursor?: string | null, limit?: number }} [options]
   * @returns {Promise<T.SharedSession>}
   */
  async viewShare(token, { cursor, limit, signal } = {}) {
    const path = `/api/shared/${segment(token)}`;
    return this.#connection.json({ method: "GET", path, query: { cursor, limit }, signal });
  }

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
    return this.#json("POST", at(sessionId, "messages"), keyed(body, options));
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
    return this.#json("POST", "/messages", keyed(target, options));
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
    return this.#json("GET", at(sessionId, "messages"), { query, ...options });
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
    return this.#pages(at(sessionId, "messages"), query, options);
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
    return this.#json("GET", at(sessionId, "messages", messageId), options);
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
    return this.#json("PATCH", at(sessionId, "messages", messageId), { body: changes, ...guarded(options) });
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
    return this.#json("DELETE", at(sessionId, "messages", messageId), guarded(options));
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
    return this.#json("PUT", at(sessionId, "messages", messageId), { body: message, ...guarded(options) });
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
    return this.#json("PUT", at(sessionId, "messages"), { query: { after: afterSeq }, body, ...guarded(options) });
  }

  /**
   * Removes every message and keeps the session; with `after` only what is newer than that seq.
   *
   * @param {string} sessionId
   * @param {T.Guarded & { after?: number }} [options]
   * @returns {Promise<{}>}
   */
  async clearMessages(sessionId, { after, ...options } = {}) {
    return this.#json("DELETE", at(sessionId, "messages"), { query: { after }, ...guarded(options) });
  }

  /**
   * Says something and yields the model's reply as it comes: `turn`, `delta`, `tool_calls`, and last `done` or `error`.
   *
   * A stream that breaks off is joined where it was. Without a session (null) `session_id` or a new one is taken.
   * Leaving the loop does not stop the turn; `stopTurn` does.
   *
   * @param {string | null} sessionId
   * @param {T.NewTurnBody} [body]
   * @param {T.Joining} [options]
   * @returns {AsyncGenerator<T.TurnEvent, void, undefined>}
   */
  async *takeTurn(sessionId, body = {}, { signal, lastEventId } = {}) {
    const said = /** @type {T.MessageInput & T.AnywhereFields} */ (withNamedMessages(body));
    const target = sessionId === null ? somewhere(said) : said;
    const path = CHAT + (sessionId === null ? "/turns" : at(sessionId, "turns"));
    const messageId = said.messages ? said.messages.at(-1)?.id : said.id;
    const call = { method: "POST", path, body: target, signal };
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
    return this.#json("GET", at(sessionId, "turns", messageId), options);
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
    return this.#json("DELETE", at(sessionId, "turns", messageId), options);
  }

  /**
   * Has the newest turn's reply made anew, and yields it as `takeTurn` does; asked for once, because it costs.
   *
   * @param {string} sessionId
   * @param {string} messageId the id of the last message said
   * @param {T.Options} [options]
   * @returns {AsyncGenerator<T.TurnEvent, void, undefined>}
   */
  async *regenerate(sessionId, messageId, { signal } = {}) {
    const path = CHAT + at(sessionId, "turns", messageId, "regenerate");
    yield* this.#turn(sessionId, { method: "POST", path, once: true, signal }, { messageId });
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
    return this.#json("GET", "/search", { query: { q: text, ...query }, ...options });
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
    return this.#pages("/search", { q: text, ...query }, options);
  }

  /**
   * Counts everything the owner has, and what came in the last `days`.
   *
   * @param {T.Options & { days?: number }} [options]
   * @returns {Promise<T.OwnerStats>}
   */
  async stats({ days, signal } = {}) {
    return this.#json("GET", "/stats", { query: { days }, signal });
  }

  /**
   * Yields everything the owner has as lines of JSON, a text for each 8 MiB of it.
   *
   * @param {T.Options} [options]
   * @returns {AsyncGenerator<string, void, undefined>}
   */
  exportOwner(options) {
    return this.#connection.parts({ method: "GET", path: `${CHAT}/export`, ...options });
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
      const answer = await this.#json("DELETE", "/data", options);
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
    return this.#connection.json({ method: "GET", path: "/api/health", once: true, ...options });
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Omit<Call, "method" | "path">} [rest]
   */
  #json(method, path, rest) {
    return this.#connection.json({ method, path: CHAT + path, ...rest });
  }

  /**
   * @param {string} path
   * @param {object} [query]
   * @param {T.Options} [options]
   */
  #pages(path, query, options) {
    return this.#connection.pages({ method: "GET", path: CHAT + path, query: { ...PAGE, ...query }, ...options });
  }

  /**
   * @param {string} session
   * @param {Call} call
   * @param {{ lastEventId?: string, messageId?: string }} known
   */
  #turn(session, call, { lastEventId, messageId }) {
    return followTurn(this.#connection, after(call, lastEventId), (eventId, said) => {
      const path = CHAT + at(session, "turns", messageId ?? said ?? "");
      return after({ method: "GET", path, signal: call.signal }, eventId);
    });
  }
}

/**
 * Returns the path of a session, or of what is below it.
 *
 * @param {string} sessionId
 * @param {...string} below
 */
function at(sessionId, ...below) {
  return ["/sessions", ...[sessionId, ...below].map(segment)].join("/");
}

/**
 * Returns an id as part of a path; a TypeError for what would lead to another route.
 *
 * @param {string} id
 */
function segment(id) {
  if (typeof id !== "string" || ["", ".", ".."].includes(id)) throw new TypeError(`${JSON.stringify(id)} is no id`);
  return encodeURIComponent(id);
}

/** @param {T.Guarded} [options] */
function guarded({ ifMatch, signal } = {}) {
  return { headers: { "if-match": ifMatch ?? undefined }, signal };
}

/**
 * Returns the rest of a request that appends: its messages have ids, or a key from which Parley derives them.
 *
 * @param {{ messages?: T.MessageInput[] }} body
 * @param {T.Guarded & T.Keyed} [options]
 */
function keyed(body, { idempotencyKey, ...options } = {}) {
  const { headers, signal } = guarded(options);
  const said = idempotencyKey ? body : withNamedMessages(body);
  return { body: said, headers: { ...headers, "idempotency-key": idempotencyKey }, signal };
}

/**
 * Gives a body a session of its own unless it names one, so that a repeat finds it.
 *
 * @template {{ session_id?: string }} T
 * @param {T} body
 * @returns {T & { session_id: string }}
 */
function somewhere(body) {
  return { ...body, session_id: body.session_id || newId() };
}

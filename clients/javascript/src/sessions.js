/** Sessions, their exports, forks and links. */

import { Calls, CHAT, at, guarded, segment } from "./calls.js";
import { newId } from "./ids.js";

/** @import * as T from "./types.js" */

export class Sessions extends Calls {
  /**
   * Creates a session; one with an `id` that the owner already has is refused with `session_exists`.
   *
   * @param {T.SessionFields} [fields]
   * @param {T.Keyed} [options]
   * @returns {Promise<T.Session>}
   */
  async createSession(fields = {}, { idempotencyKey, signal } = {}) {
    const headers = { "idempotency-key": idempotencyKey ?? (fields.id ? undefined : newId()) };
    return this._json("POST", "/sessions", { body: fields, headers, signal });
  }

  /**
   * Returns a page of sessions, last activity first.
   *
   * @param {T.SessionFilter & { cursor?: string | null }} [query]
   * @param {T.Options} [options]
   * @returns {Promise<T.List<T.Session>>}
   */
  async listSessions(query, options) {
    return this._json("GET", "/sessions", { query, ...options });
  }

  /**
   * Yields sessions, last activity first.
   *
   * @param {T.SessionFilter} [query]
   * @param {T.Options} [options]
   * @returns {AsyncGenerator<T.Session, void, undefined>}
   */
  sessions(query, options) {
    return this._pages("/sessions", query, options);
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
    return this._json("GET", at(sessionId), { query: { limit }, headers, signal });
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
    return this._json("PATCH", at(sessionId), { body: changes, ...guarded(options) });
  }

  /**
   * Deletes a session and every message of it, for good.
   *
   * @param {string} sessionId
   * @param {T.Guarded} [options]
   * @returns {Promise<{}>}
   */
  async deleteSession(sessionId, options) {
    return this._json("DELETE", at(sessionId), { goneIsDone: true, ...guarded(options) });
  }

  /**
   * Archives a session: it leaves the default list and takes no messages until it is restored.
   *
   * @param {string} sessionId
   * @param {T.Guarded} [options]
   * @returns {Promise<T.Session>}
   */
  async archiveSession(sessionId, options) {
    return this._json("POST", at(sessionId, "archive"), guarded(options));
  }

  /**
   * Makes an archived session active again.
   *
   * @param {string} sessionId
   * @param {T.Guarded} [options]
   * @returns {Promise<T.Session>}
   */
  async restoreSession(sessionId, options) {
    return this._json("POST", at(sessionId, "restore"), guarded(options));
  }

  /**
   * Counts a session's messages.
   *
   * @param {string} sessionId
   * @param {T.Options} [options]
   * @returns {Promise<T.SessionStats>}
   */
  async sessionStats(sessionId, options) {
    return this._json("GET", at(sessionId, "stats"), options);
  }

  /**
   * Yields the export of a session, a text for each 8 MiB of it.
   *
   * @param {string} sessionId
   * @param {T.Options & { format?: "json" | "ndjson" | "markdown" | "openai" }} [options]
   * @returns {AsyncGenerator<string, void, undefined>}
   */
  exportSession(sessionId, { format, signal } = {}) {
    return this._connection.parts({ method: "GET", path: CHAT + at(sessionId, "export"), query: { format }, signal });
  }

  /**
   * Makes a new session of the messages up to `afterSeq`, or of all; sent once, because a second one would be another.
   *
   * @param {string} sessionId
   * @param {T.Options & { afterSeq?: number }} [options]
   * @returns {Promise<T.Session>}
   */
  async forkSession(sessionId, { afterSeq, signal } = {}) {
    return this._json("POST", at(sessionId, "fork"), { body: { after_seq: afterSeq }, once: true, signal });
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
    return this._json("POST", at(sessionId, "share"), { body, once: true, signal });
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
    return this._json("GET", at(sessionId, "share"), { query, ...options });
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
    return this._json("DELETE", at(sessionId, "share", shareId), { goneIsDone: true, ...options });
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
    return this._connection.json({ method: "GET", path, query: { cursor, limit }, signal });
  }
}

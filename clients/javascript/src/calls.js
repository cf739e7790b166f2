/** What the methods of the client have in common: how a request is addressed, guarded and made repeatable. */

import { Connection } from "./connection.js";
import { newId, withNamedMessages } from "./ids.js";

/** @import * as T from "./types.js" */
/** @import { Call } from "./connection.js" */

export const CHAT = "/api/chat";
const PAGE = { limit: 100 };

export class Calls {
  /** @param {T.ParleyOptions} [options] */
  constructor(options) {
    /** @protected */
    this._connection = new Connection(options);
  }

  /**
   * @protected
   * @param {string} method
   * @param {string} path
   * @param {Omit<Call, "method" | "path">} [rest]
   */
  _json(method, path, rest) {
    return this._connection.json({ method, path: CHAT + path, ...rest });
  }

  /**
   * @protected
   * @param {string} path
   * @param {object} [query]
   * @param {T.Options} [options]
   */
  _pages(path, query, options) {
    return this._connection.pages({ method: "GET", path: CHAT + path, query: { ...PAGE, ...query }, ...options });
  }
}

/**
 * Returns the path of a session, or of what is below it.
 *
 * @param {string} sessionId
 * @param {...string} below
 */
export function at(sessionId, ...below) {
  return ["/sessions", ...[sessionId, ...below].map(segment)].join("/");
}

/**
 * Returns an id as part of a path; a TypeError for what would lead to another route.
 *
 * @param {string} id
 */
export function segment(id) {
  if (typeof id !== "string" || ["", ".", ".."].includes(id)) throw new TypeError(`${JSON.stringify(id)} is no id`);
  return encodeURIComponent(id);
}

/** @param {T.Guarded} [options] */
export function guarded({ ifMatch, signal } = {}) {
  return { headers: { "if-match": ifMatch ?? undefined }, signal };
}

/**
 * Returns the rest of a request that appends: its messages have ids, or a key from which Parley derives them.
 *
 * @param {{ messages?: T.MessageInput[] }} body
 * @param {T.Guarded & T.Keyed} [options]
 */
export function keyed(body, { idempotencyKey, ...options } = {}) {
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
export function somewhere(body) {
  return { ...body, session_id: body.session_id || newId() };
}

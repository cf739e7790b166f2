/** What an answer says beside its JSON. */

/**
 * @typedef {object} Answer
 * @property {number} status 201 where something was stored, 200 where it was there already
 * @property {string | null} etag of the session, for `ifMatch` and `ifNoneMatch`
 * @property {string | null} requestId the name of the request in Parley's log
 * @property {number} charge request units; 0 on SQLite
 * @property {Headers} headers all of them
 */

/** @type {WeakMap<object, Answer>} */
const answers = new WeakMap();

/**
 * Returns what came with a result of the client: its status, etag, request id and charge.
 *
 * Only the very object that the client returned has one; a copy throws a TypeError.
 *
 * @param {object} result
 * @returns {Answer}
 */
export function answerOf(result) {
  const answer = answers.get(result);
  if (!answer) throw new TypeError("this is no result of Parley's client");
  return answer;
}

/**
 * Keeps what came with a result, and returns the result.
 *
 * @template {object} T
 * @param {T} result
 * @param {Response} response
 * @returns {T}
 */
export function withAnswer(result, { status, headers }) {
  answers.set(result, {
    status,
    etag: headers.get("etag"),
    requestId: headers.get("x-request-id"),
    charge: Number(headers.get("x-request-charge")) || 0,
    headers,
  });
  return result;
}

/** A framework's conversation, whose id may be any text, as a session of Parley. */

import { answerOf } from "./answers.js";
import { ParleyError } from "./errors.js";

/** @import { Parley } from "./parley.js" */

const ORIGINAL_CHARACTERS = 1000; // of an id that are kept; a context holds 8 KiB
const NAME_CHARACTERS = 200; // of a session's name

/**
 * Where a conversation is; `sessionId` is Parley's for its own id.
 *
 * @typedef {{ parley: Parley, conversationId: string, sessionId: string, channel: string, signal?: AbortSignal }} Place
 */

/**
 * Makes the session, and returns the newest etag of it; one that is there already must be empty.
 *
 * @param {Place} place
 */
export async function create({ parley, conversationId, sessionId, channel, signal }) {
  const begin = (/** @type {number} */ length) => conversationId.slice(0, length).replace(/\p{Surrogate}/gu, "\ufffd");
  const names = { session_name: begin(NAME_CHARACTERS), context: { original_id: begin(ORIGINAL_CHARACTERS) } };
  const known = sessionId === conversationId ? {} : names;
  try {
    return answerOf(await parley.createSession({ id: sessionId, channel, ...known }, { signal })).etag;
  } catch (error) {
    if (!hasCode(error, "session_exists")) throw error;
  }
  const session = await parley.getSession(sessionId, { limit: 1, signal });
  if (session.message_count) throw new ParleyError("Somebody else has begun this conversation.", { status: 412 });
  return answerOf(session).etag;
}

/**
 * Writes under an etag, and where the session is archived once more, after a restore under the same.
 *
 * @template T
 * @param {Place} place
 * @param {string | null} etag
 * @param {(etag: string | null) => Promise<T>} write
 */
export async function restoring({ parley, sessionId, signal }, etag, write) {
  try {
    return await write(etag);
  } catch (error) {
    if (!hasCode(error, "session_archived")) throw error;
    return write(answerOf(await parley.restoreSession(sessionId, { ifMatch: etag, signal })).etag);
  }
}

/**
 * Returns null where there is no such session; a store that failed is an error, and never an empty conversation.
 *
 * @template T
 * @param {Promise<T>} reading
 */
export async function orNull(reading) {
  try {
    return await reading;
  } catch (error) {
    if (!hasCode(error, "session_not_found")) throw error;
    return null;
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
export function hasCode(error, code) {
  return error instanceof ParleyError && error.code === code;
}

/** What a list of an AI SDK chat has that the stored one has not. */

import { ParleyError } from "./errors.js";
import { messageIdsFor } from "./names.js";
import { loaded, stored } from "./ui-messages.js";

/** @import { ChatMessage } from "./ui-messages.js" */
/** @import { Message, MessageInput } from "./types.js" */

/**
 * A message by what is compared of it; `text` is its JSON.
 *
 * @typedef {{ id: string, role: string, text: string }} Entry
 *
 * What is known of a stored chat: its `count` of messages, the `seq` and the newest `entries` of them, and its etag,
 * null where there is no chat.
 *
 * @typedef {{ etag: string | null, count: number, seq: number, entries: (Entry & { messageId: string })[] }} Known
 *
 * What is to be done: put messages in the place of single ones, or let messages follow the stored ones up to a place.
 *
 * @typedef {{ replaced: { messageId: string, message: MessageInput }[] } | { keep: number, tail: MessageInput[] }} Plan
 */

/** @type {Known} */
export const NO_CHAT = { etag: null, count: 0, seq: 0, entries: [] };

/**
 * Returns what is known of a chat by its newest messages, oldest of them first.
 *
 * @param {Message[]} messages
 * @param {{ etag: string | null, count: number }} session
 * @returns {Known}
 */
export function knownBy(messages, { etag, count }) {
  const entries = messages.map((message) => ({ ...entryOf(loaded(message)), messageId: message.id }));
  return { etag, count, seq: messages.at(-1)?.seq ?? 0, entries };
}

/**
 * Returns what makes the stored chat equal to the list, in as few messages as that takes.
 *
 * Unless the writer has seen what is stored (`isSeen`), nothing is planned that takes away a message that the list
 * never had: ParleyError with status 412 instead.
 *
 * @param {Known} known
 * @param {ChatMessage[]} list
 * @param {{ isSeen: boolean }} options
 * @returns {Plan}
 */
export function planFor(known, list, { isSeen }) {
  const wanted = list.map(entryOf);
  const begin = known.count - known.entries.length;
  const changed = known.entries.flatMap((entry, index) => {
    const mine = wanted[begin + index];
    return mine && mine.text !== entry.text ? [{ entry, mine, place: begin + index }] : [];
  });
  if (!isSeen && (list.length < known.count || !changed.every((change) => isOwn(change, known)))) {
    throw new ParleyError(NOT_SEEN, { status: 412 });
  }
  const ids = messageIdsFor(list.map(({ id }) => id));
  const input = (/** @type {number} */ place) => ({ ...stored(/** @type {ChatMessage} */ (list[place])), id: ids[place] });
  if (list.length === known.count && changed.every(({ entry, mine }) => entry.id === mine.id)) {
    return { replaced: changed.map(({ entry, place }) => ({ messageId: entry.messageId, message: input(place) })) };
  }
  const keep = changed[0]?.place ?? Math.min(known.count, list.length);
  return { keep, tail: list.slice(keep).map((_, index) => input(keep + index)) };
}

const NOT_SEEN = "The stored chat has messages that this list has not: save it with what loadChat returned as `previous`.";

/**
 * Returns whether a change is a message that grew, or another reply in the place of the newest one.
 *
 * @param {{ entry: Entry, mine: Entry, place: number }} change
 * @param {Known} known
 */
function isOwn({ entry, mine, place }, { count }) {
  const isNewestReply = place === count - 1 && entry.role === "assistant" && mine.role === "assistant";
  return entry.id === mine.id || isNewestReply;
}

/**
 * @param {ChatMessage} message
 * @returns {Entry}
 */
function entryOf(message) {
  return { id: message.id, role: message.role, text: JSON.stringify(message) };
}

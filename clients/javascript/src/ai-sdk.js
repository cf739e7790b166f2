/**
 * Chats of the AI SDK (`ai`) kept by Parley: the `loadChat` and `saveChat` of its guide.
 *
 *     const previous = await loadChat(parley, chatId);
 *     … onFinish: ({ messages }) => saveChat(parley, { chatId, messages, previous })
 *
 * Where Parley asks the model itself, `ParleyChatTransport` is all that a page needs.
 */

import { answerOf } from "./answers.js";
import { batchesOf } from "./batches.js";
import { NO_CHAT, knownBy, planFor } from "./chat-difference.js";
import { create, hasCode, orNull, restoring } from "./conversations.js";
import { ParleyError } from "./errors.js";
import { sessionIdFor } from "./names.js";
import { loaded } from "./ui-messages.js";

export { sessionIdFor };
export { ParleyChatTransport } from "./ai-sdk-transport.js";

/** @import { ChatMessage } from "./ui-messages.js" */
/** @import { Known, Plan } from "./chat-difference.js" */
/** @import { Place } from "./conversations.js" */
/** @import { Parley } from "./parley.js" */
/** @import { Message, MessageInput } from "./types.js" */

const NEWEST = 20; // messages that are read and compared where `previous` is not given
const PAGE = 200;
const TRIES = 5; // where others write at the same time

/** @type {WeakMap<object, Known>} */
const seen = new WeakMap(); // of the lists that were returned

/**
 * Returns all messages of a chat, equal to what was saved; an empty list where there is no such chat.
 *
 * @template {ChatMessage} [M=ChatMessage]
 * @param {Parley} parley
 * @param {string} chatId any text
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<M[]>}
 */
export async function loadChat(parley, chatId, { signal } = {}) {
  const sessionId = await sessionIdFor(chatId);
  const session = await orNull(parley.getSession(sessionId, { limit: PAGE, signal }));
  if (!session) return returned([], NO_CHAT);
  const messages = session.messages;
  for (let cursor = session.next_cursor; cursor; ) {
    const page = await parley.listMessages(sessionId, { cursor, limit: PAGE }, { signal });
    messages.unshift(...page.data.reverse());
    cursor = page.next_cursor;
  }
  const known = knownBy(messages, { etag: answerOf(session).etag, count: messages.length });
  return returned(/** @type {M[]} */ (messages.map(loaded)), known);
}

/**
 * Saves a chat, given whole as the AI SDK gives it, by one atomic request of what is new; returns it, as the
 * `previous` of the next save.
 *
 * `previous` is the very list that `loadChat` or `saveChat` returned. With it, messages may be changed and taken away,
 * unless somebody else has written since: a ParleyError with status 412. Without it the newest 20 stored messages are
 * read and compared, and whatever could take away another writer's words is refused with 412: messages may grow, be
 * added, or be put in the place of the newest reply. Over 200 messages or 1.2 MB go in several requests.
 * An archived chat is restored.
 *
 * @template {ChatMessage} M
 * @param {Parley} parley
 * @param {{ chatId: string, messages: M[], previous?: readonly object[], channel?: string, signal?: AbortSignal }} chat
 * @returns {Promise<M[]>}
 */
export async function saveChat(parley, { chatId, messages, previous, channel = "ai-sdk", signal }) {
  const place = { parley, conversationId: chatId, sessionId: await sessionIdFor(chatId), channel, signal };
  const before = previous && seen.get(previous);
  if (previous && !before) throw new TypeError("`previous` is no list that loadChat or saveChat returned");
  for (let tried = 1; ; tried++) {
    const known = before ?? (await newest(place));
    const plan = planFor(known, messages, { isSeen: Boolean(before) });
    try {
      return returned(messages, await carryOut(place, known, plan));
    } catch (error) {
      if (!isRace(error) || (!before && tried === TRIES)) throw error;
      if (before) return returned(messages, await sameAs(place, messages, error));
    }
  }
}

/**
 * Writes what a plan says under the etag of what it was made for, and returns what is known then.
 *
 * @param {Place} place
 * @param {Known} known
 * @param {Plan} plan
 * @returns {Promise<Known>}
 */
async function carryOut(place, known, plan) {
  if ("replaced" in plan) return replace(place, known, plan.replaced);
  let etag = known.etag ?? (await create(place));
  const isCut = plan.keep < known.count;
  const after = Math.max(known.seq - (known.count - plan.keep), 0);
  const written = /** @type {Message[]} */ ([]);
  for (const batch of isCut && !plan.tail.length ? [[]] : batchesOf(plan.tail)) {
    const isFirstCut = isCut && !written.length;
    const answer = await restoring(place, etag, (ifMatch) => {
      const options = { ifMatch, signal: place.signal };
      if (isFirstCut) return place.parley.replaceTail(place.sessionId, after, batch, options);
      return place.parley.appendMessages(place.sessionId, batch, options);
    });
    etag = answerOf(answer).etag;
    written.push(...answer.messages);
  }
  const kept = known.entries.slice(0, Math.max(plan.keep - (known.count - known.entries.length), 0));
  const entries = [...kept, ...knownBy(written, { etag, count: 0 }).entries];
  return { etag, count: plan.keep + plan.tail.length, seq: written.at(-1)?.seq ?? after, entries };
}

/**
 * Puts messages in the place of stored ones, each in a request of its own.
 *
 * @param {Place} place
 * @param {Known} known
 * @param {{ messageId: string, message: MessageInput }[]} replaced
 * @returns {Promise<Known>}
 */
async function replace(place, known, replaced) {
  let { etag, entries } = known;
  for (const { messageId, message } of replaced) {
    const { id: _, ...fields } = message;
    const answer = await place.parley.replaceMessage(place.sessionId, messageId, fields, {
      ifMatch: etag,
      signal: place.signal,
    });
    etag = answerOf(answer).etag;
    const [entry] = knownBy([answer], { etag, count: 0 }).entries;
    entries = entries.map((each) => (each.messageId === messageId && entry ? entry : each));
  }
  return { ...known, etag, entries };
}

/**
 * Reads the newest messages of a chat.
 *
 * @param {Place} place
 * @returns {Promise<Known>}
 */
async function newest({ parley, sessionId, signal }) {
  const session = await orNull(parley.getSession(sessionId, { limit: NEWEST, signal }));
  if (!session) return NO_CHAT;
  return knownBy(session.messages, { etag: answerOf(session).etag, count: session.message_count });
}

/**
 * Returns what is known of a chat that is as it was to be, by an earlier try whose answer was lost; else the error.
 *
 * @param {Place} place
 * @param {ChatMessage[]} messages
 * @param {unknown} error
 */
async function sameAs({ parley, conversationId, signal }, messages, error) {
  const found = await loadChat(parley, conversationId, { signal });
  const known = seen.get(found);
  if (!known || JSON.stringify(found) !== JSON.stringify(messages)) throw error;
  return known;
}

/** @param {unknown} error */
function isRace(error) {
  return error instanceof ParleyError && (error.status === 412 || hasCode(error, "message_conflict"));
}

/**
 * Returns a list, and remembers what is known of it.
 *
 * @template {object} T
 * @param {T} list
 * @param {Known} known
 */
function returned(list, known) {
  seen.set(list, known);
  return list;
}

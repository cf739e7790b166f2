/** Ids made by the client, by which Parley recognises what it has already stored. */

/** @import { MessageInput } from "./types.js" */

/** Returns a new random id; `crypto.randomUUID` is missing on plain http. */
export function newId() {
  const numbers = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(numbers, (number) => number.toString(16).padStart(8, "0")).join("-");
}

/**
 * Gives a message an id unless it has one.
 *
 * @template {object} T
 * @param {T} message
 * @returns {T & { id: string }}
 */
export function named(message) {
  const { id } = /** @type {{ id?: string | null }} */ (message);
  return { ...message, id: id || newId() };
}

/**
 * Gives the message of a body, or each of its `messages`, an id; a body without a message stays as it is.
 *
 * @template {object} T
 * @param {T} body
 * @returns {T}
 */
export function withNamedMessages(body) {
  const { messages } = /** @type {{ messages?: MessageInput[] }} */ (body);
  if (messages) return { ...body, messages: messages.map(named) };
  return "content" in body || "function_calls" in body ? named(body) : body;
}

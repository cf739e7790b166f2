/**
 * The AI SDK's `UIMessage` as a message of Parley, and back, equal.
 *
 * Its parts are the content, so that people, search and `format=openai` read them; what else it has is in `raw`, and
 * so is a part that Parley would refuse.
 */

/** @import { Message, MessageFields, Part } from "./types.js" */

/**
 * Any `UIMessage`, of whatever version of the AI SDK.
 *
 * @typedef {{ id: string, role: "system" | "user" | "assistant", metadata?: unknown, parts: { type: string }[] }} ChatMessage
 */

const FRAMEWORK = "ai-sdk";
const DEEPEST = 28; // of the 32 levels that Parley takes, in a part in a list in a message in a body
const HALF_EMOJI = /\p{Surrogate}/u;

/**
 * Returns the message to store, without an id.
 *
 * @param {ChatMessage} message
 * @returns {MessageFields}
 */
export function stored(message) {
  const parts = /** @type {Part[]} */ (JSON.parse(JSON.stringify(message.parts)));
  const content = parts.map((part) => (isStorable(part) ? part : substitute(part)));
  const kept = parts.map((part) => (isStorable(part) ? null : part));
  return { role: message.role, content, raw: JSON.stringify({ [FRAMEWORK]: { ...message, parts: kept } }) };
}

/**
 * Returns the message that was stored; one of another origin as what it says, a redacted one without parts.
 *
 * @param {Message} message
 * @returns {ChatMessage}
 */
export function loaded({ id, role, content, raw }) {
  const native = nativeOf(raw);
  const held = Array.isArray(content) ? content : [];
  if (native) return { ...native, parts: native.parts.map((part, place) => part ?? held[place]) };
  const texts = typeof content === "string" ? [content] : content.map(({ text }) => text);
  const parts = texts.filter((text) => typeof text === "string" && text).map((text) => ({ type: "text", text }));
  const speaker = role === "user" || role === "assistant" ? role : role === "tool" ? "assistant" : "system";
  return { id, role: speaker, parts };
}

/**
 * @param {string | null} raw
 * @returns {ChatMessage | null}
 */
function nativeOf(raw) {
  try {
    const native = JSON.parse(raw ?? "null")?.[FRAMEWORK];
    return Array.isArray(native?.parts) ? native : null;
  } catch {
    return null; // another client's own
  }
}

/**
 * Returns what people may read of a part that Parley would refuse.
 *
 * @param {Partial<Part>} part
 * @returns {Part}
 */
function substitute({ type, text }) {
  return { type: clean(type) ?? "unknown", ...(typeof text === "string" && { text: clean(text) }) };
}

/** @param {unknown} text */
function clean(text) {
  return typeof text === "string" ? text.replace(new RegExp(HALF_EMOJI, "gu"), "\ufffd") : undefined;
}

/**
 * Returns whether Parley takes a part as it is.
 *
 * @param {Partial<Part>} part
 */
function isStorable(part) {
  return typeof part.type === "string" && isPlain(part, DEEPEST);
}

/**
 * @param {unknown} value
 * @param {number} levels that it may have
 * @returns {boolean}
 */
function isPlain(value, levels) {
  if (typeof value === "string") return !HALF_EMOJI.test(value);
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.entries(value).every(([name, each]) => isPlain(name, 0) && isPlain(each, levels - 1));
}

/**
 * A framework's message as a message of Parley: readable by everyone, and exactly what it was for the framework.
 *
 * The framework's own JSON is in `raw`, under the framework's name. A longer text that the readable fields hold already
 * is not stored twice: in `raw` a `{"$text":N}` without a space stands for the Nth of them. What is over the 512 KiB
 * that `raw` takes goes on in a content part of type `raw`. The Python client writes and reads the same.
 */

/** @import { Content, Message, MessageFields, Part } from "./types.js" */

const MAX_RAW_BYTES = 512 * 1024;
const MAX_CALLS = 128;
const MAX_CALLS_BYTES = 256 * 1024;
const MAX_LABEL_CHARACTERS = 256; // of `name` and `tool_call_id`
const SHORT_CHARACTERS = 32; // a text up to here is not worth a reference
const HALF_EMOJI = /\p{Surrogate}/gu;
const REFERENCE = /\{"\$text":(\d+)\}/g;

/**
 * What a message says to people, to search and to a model.
 *
 * @typedef {object} Readable
 * @property {import("./types.js").Role} role
 * @property {Content} content
 * @property {string | null} [name]
 * @property {{ id: string, type: "function", function: { name: string, arguments: string } }[]} [function_calls]
 * @property {string | null} [tool_call_id]
 */

/**
 * Returns the message to store for a framework's own one, which must be JSON.
 *
 * @param {string} framework
 * @param {unknown} native
 * @param {Readable} readable
 * @returns {MessageFields}
 */
export function toMessage(framework, native, readable) {
  const fields = acceptable(readable);
  const exact = JSON.stringify({ [framework]: native });
  const { begin, rest } = cut(abridged(exact, textsOf(fields)), MAX_RAW_BYTES);
  if (!rest) return { ...fields, raw: begin };
  const parts = typeof fields.content === "string" ? [{ type: "text", text: fields.content }] : fields.content;
  return { ...fields, content: [...parts, { type: "raw", data: rest }], raw: begin };
}

/**
 * Returns what `toMessage` was given; null for a message of another origin, which is read by its fields.
 *
 * @param {string} framework
 * @param {Message} message
 * @returns {any}
 */
export function nativeOf(framework, message) {
  if (message.raw === null) return null;
  const parts = typeof message.content === "string" ? [] : message.content;
  const rest = parts.filter(({ type }) => type === "raw").map(({ data }) => data);
  try {
    return JSON.parse(unabridged([message.raw, ...rest].join(""), textsOf(message)))?.[framework] ?? null;
  } catch {
    return null; // another client's own
  }
}

/**
 * Returns whether what a message said was taken away.
 *
 * @param {Message} message
 */
export function isRedacted({ metadata, content, raw }) {
  return metadata.redacted === true && content.length === 0 && raw === null;
}

/**
 * Returns the text of a message's content; of parts, what they hold as `text`, a line each.
 *
 * @param {Content} content
 */
export function plainText(content) {
  if (typeof content === "string") return content;
  return content.flatMap(({ text }) => (typeof text === "string" ? [text] : [])).join("\n");
}

/**
 * Returns an image or a file as a content part: its address, or a word about it where it is the data itself.
 *
 * @param {string | undefined} url
 * @param {string} kind
 * @returns {Part}
 */
export function filePart(url, kind) {
  if (url && !url.startsWith("data:")) {
    return kind === "image" ? { type: "image_url", image_url: { url } } : { type: "text", text: `[${kind}: ${url}]` };
  }
  const [head = "", data = ""] = (url ?? "").split(",", 2);
  const kilobytes = Math.max(1, Math.round((data.length * 3) / 4 / 1000));
  return { type: "text", text: url ? `[${/^data:([^;]*)/.exec(head)?.[1] || kind}, ${kilobytes} kB]` : `[${kind}]` };
}

/**
 * @param {string} exact
 * @param {string[]} texts
 */
function abridged(exact, texts) {
  const plain = exact.replaceAll('{"$text":', '{"$text" :'); // the same JSON, and no reference
  const short = texts.reduce((json, text, number) => {
    return text.length > SHORT_CHARACTERS ? json.replaceAll(JSON.stringify(text), () => `{"$text":${number}}`) : json;
  }, plain);
  return unabridged(short, texts) === plain ? short : plain;
}

/**
 * @param {string} json
 * @param {string[]} texts
 */
function unabridged(json, texts) {
  return json.replaceAll(REFERENCE, (_, number) => JSON.stringify(texts[Number(number)]));
}

/**
 * Returns a message's fields without what Parley would refuse: that is in `raw` all the same.
 *
 * @param {Readable} readable
 * @returns {MessageFields & { content: Content }}
 */
function acceptable({ role, content, name, function_calls = [], tool_call_id }) {
  const calls = JSON.parse(clean(JSON.stringify(function_calls)));
  const bytes = new TextEncoder().encode(JSON.stringify(calls)).length;
  const said = JSON.parse(clean(JSON.stringify(content)));
  return {
    role,
    content: said.length === 1 && said[0].type === "text" ? said[0].text : said,
    name: label(name),
    function_calls: calls.length > MAX_CALLS || bytes > MAX_CALLS_BYTES ? [] : calls,
    tool_call_id: label(tool_call_id),
  };
}

/** @param {string | null} [text] */
function label(text) {
  return text && text.length <= MAX_LABEL_CHARACTERS ? text.replace(HALF_EMOJI, "\ufffd") : undefined;
}

/** @param {string} json */
function clean(json) {
  return json.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, "$1\ufffd"); // JSON escapes half emoji only
}

/**
 * Returns the texts that may be long, in the order in which they are numbered.
 *
 * @param {{ content?: Content | null, function_calls?: unknown[] }} message
 * @returns {string[]}
 */
function textsOf({ content, function_calls = [] }) {
  const calls = function_calls.map((call) => /** @type {any} */ (call)?.function?.arguments);
  const said = typeof content === "string" ? [content] : (content ?? []).map(saidIn);
  return [...calls, ...said].map((text) => (typeof text === "string" ? text : ""));
}

/**
 * Returns what a content part says; of its fields that can say something the first that is there counts.
 *
 * @param {Part} part
 */
function saidIn({ text, result, reasoning }) {
  return [text, result, reasoning].find((said) => typeof said === "string");
}

/**
 * Returns as much of a text as fits into so many bytes, and the rest.
 *
 * @param {string} text
 * @param {number} limit
 */
function cut(text, limit) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= limit) return { begin: text, rest: "" };
  const begin = new TextDecoder().decode(bytes.slice(0, limit), { stream: true }); // without half a character
  return { begin, rest: text.slice(begin.length) };
}

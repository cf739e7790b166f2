/** LangChain's messages as messages of Parley, and back. */

import { AIMessage, HumanMessage, SystemMessage, ToolMessage, mapStoredMessagesToChatMessages } from "@langchain/core/messages";

import { filePart, nativeOf, plainText, toMessage } from "./native.js";

/** @import { BaseMessage } from "@langchain/core/messages" */
/** @import { Readable } from "./native.js" */
/** @import { Message, MessageFields, Part, Role } from "./types.js" */

const FRAMEWORK = "langchain";
/** @type {Record<string, Role>} */
const ROLES = { human: "user", user: "user", ai: "assistant", assistant: "assistant", tool: "tool", function: "tool" };
const UNSEEN = new Set(["reasoning", "thinking", "redacted_thinking", "tool_use", "tool_call", "function_call"]);

/**
 * Returns the message to store; what is no JSON, such as bytes in an `artifact`, becomes what `JSON.stringify` makes of it.
 *
 * @param {BaseMessage} message
 * @returns {MessageFields}
 */
export function stored(message) {
  return toMessage(FRAMEWORK, message.toDict(), readable(message));
}

/**
 * Returns the message that was stored, equal; one of another origin by what it says.
 *
 * @param {Message} message
 * @returns {BaseMessage}
 */
export function loaded(message) {
  const native = nativeOf(FRAMEWORK, message);
  const [found = said(message)] = native ? mapStoredMessagesToChatMessages([native]) : [];
  return found;
}

/**
 * @param {BaseMessage} message
 * @returns {Readable}
 */
function readable(message) {
  const { content, name, role, tool_calls, tool_call_id } = /** @type {any} */ (message);
  const calls = /** @type {{ id?: string, name: string, args: unknown }[]} */ (tool_calls ?? []);
  return {
    role: ROLES[role ?? message.getType()] ?? "system",
    content: typeof content === "string" ? content : content.flatMap(partsOf),
    name,
    function_calls: calls.map(({ id = "", name, args }) => {
      return { id, type: "function", function: { name, arguments: JSON.stringify(args) } };
    }),
    tool_call_id,
  };
}

/**
 * Returns a content block as a reader sees it: texts and what is attached, neither thoughts nor calls.
 *
 * @param {any} block
 * @returns {Part[]}
 */
function partsOf(block) {
  if (typeof block === "string") return [{ type: "text", text: block }];
  if (typeof block.text === "string") return [{ type: "text", text: block.text }];
  const kind = String(block.type ?? "");
  if (UNSEEN.has(kind)) return [];
  const data = block.base64 ?? block.data;
  const url = block.image_url?.url ?? block.image_url ?? block.url;
  const inline = typeof data === "string" ? `data:${block.mimeType ?? block.mime_type ?? ""};base64,${data}` : undefined;
  return [filePart(typeof url === "string" ? url : inline, kind.startsWith("image") ? "image" : kind || "file")];
}

/**
 * @param {Message} message
 * @returns {BaseMessage}
 */
function said({ role, content, name, tool_call_id }) {
  const fields = { content: plainText(content), ...(name && { name }) };
  if (role === "tool") return new ToolMessage({ ...fields, tool_call_id: tool_call_id ?? "" });
  if (role === "user") return new HumanMessage(fields);
  return role === "assistant" ? new AIMessage(fields) : new SystemMessage(fields);
}

/** A turn's events as the chunks of a UI message that the AI SDK streams. */

/** @import { TurnEvent, TurnResult } from "./types.js" */

/** @typedef {"stop" | "length" | "content-filter" | "tool-calls" | "error" | "other"} FinishReason */

/**
 * Those of the AI SDK's `UIMessageChunk` that a turn makes.
 *
 * @typedef {{ type: "start", messageId?: string }
 *   | { type: "start-step" } | { type: "finish-step" }
 *   | { type: "text-start", id: string } | { type: "text-delta", id: string, delta: string } | { type: "text-end", id: string }
 *   | { type: "tool-input-available", toolCallId: string, toolName: string, input: unknown }
 *   | { type: "tool-input-error", toolCallId: string, toolName: string, input: unknown, errorText: string }
 *   | { type: "error", errorText: string }
 *   | { type: "finish", finishReason: FinishReason }} Chunk
 */

/** @type {Record<string, FinishReason>} */
const REASONS = { stop: "stop", length: "length", content_filter: "content-filter", tool_calls: "tool-calls", model_failed: "error", model_timeout: "error" };

/**
 * Yields the chunks of a turn; one that is continued goes on with the chat's newest message.
 *
 * @param {IteratorResult<TurnEvent, void>} first
 * @param {AsyncGenerator<TurnEvent, void, undefined>} events the others
 * @param {{ isContinued: boolean }} options
 * @returns {AsyncGenerator<Chunk, void, undefined>}
 */
export async function* chunksOf(first, events, { isContinued }) {
  let id = "";
  let isOpen = false;
  for await (const { type, data } of following(first, events)) {
    if (type === "turn") {
      if (id) {
        yield { type: "error", errorText: "The reply was begun anew: load the chat again." }; // no chunk takes text back
        return;
      }
      id = data.reply_id;
      yield isContinued ? { type: "start" } : { type: "start", messageId: id };
      yield { type: "start-step" };
    } else if (type === "delta") {
      if (!isOpen) yield { type: "text-start", id };
      isOpen = true;
      yield { type: "text-delta", id, delta: data.text };
    } else {
      if (isOpen) yield { type: "text-end", id };
      isOpen = false;
      if (type === "tool_calls") yield* data.function_calls.map(callChunk);
      else if (type === "error") yield { type: "error", errorText: data.detail };
      else yield* [/** @type {Chunk} */ ({ type: "finish-step" }), finishChunk(data)];
    }
  }
}

/**
 * Yields the first event and the others; whoever leaves the loop ends those too.
 *
 * @param {IteratorResult<TurnEvent, void>} first
 * @param {AsyncGenerator<TurnEvent, void, undefined>} events
 */
async function* following(first, events) {
  if (!first.done) yield first.value;
  yield* events;
}

/**
 * Returns a stream of what a generator yields; whoever cancels it ends the generator.
 *
 * @template T
 * @param {AsyncGenerator<T, void, undefined>} items
 * @returns {ReadableStream<T>}
 */
export function streamOf(items) {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await items.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel() {
      items.return().catch(() => {}); // not waited for: the next item may be long in coming
    },
  });
}

/**
 * @param {unknown} call
 * @returns {Chunk}
 */
function callChunk(call) {
  const { id: toolCallId = "", function: called } = /** @type {any} */ (call);
  const { name: toolName = "", arguments: input = "" } = called ?? {};
  try {
    return { type: "tool-input-available", toolCallId, toolName, input: JSON.parse(input || "{}") };
  } catch {
    return { type: "tool-input-error", toolCallId, toolName, input, errorText: "The model's arguments are no JSON." };
  }
}

/**
 * @param {TurnResult} result
 * @returns {Chunk}
 */
function finishChunk({ reply }) {
  const { finish_reason } = /** @type {any} */ (reply.metadata.reply ?? {});
  return { type: "finish", finishReason: REASONS[finish_reason] ?? "other" };
}

/** Server-sent events, read from the body of an answer. */

/** @typedef {{ type: string, id: string, data: string }} ServerSentEvent `id` is empty where the event has none */

const ENDED = { done: true, value: undefined };

/**
 * Yields the events of a body until it ends or breaks off; throws the signal's reason when that is aborted.
 *
 * Leaving the loop lets go of the connection.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<ServerSentEvent, void, undefined>}
 */
export async function* eventsOf(body, signal) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let waiting = "";
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => ENDED);
      signal?.throwIfAborted();
      if (done) return; // what waits is no whole event
      waiting += decoder.decode(value, { stream: true });
      const blocks = waiting.split(/\r\n\r\n|\n\n|\r\r/);
      waiting = blocks.pop() ?? "";
      for (const block of blocks) yield* eventIn(block);
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have broken off already
  }
}

/**
 * @param {string} block the lines of an event
 * @returns {Generator<ServerSentEvent>}
 */
function* eventIn(block) {
  const event = { type: "message", id: "", data: /** @type {string[]} */ ([]) };
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "event") event.type = value;
    else if (name === "id") event.id = value;
    else if (name === "data") event.data.push(value);
  }
  if (event.data.length) yield { ...event, data: event.data.join("\n") };
}

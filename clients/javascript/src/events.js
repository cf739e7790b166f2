/** Server-sent events, read from the body of an answer. */

/** @typedef {{ type: string, id: string, data: string }} ServerSentEvent `id` is empty where the event has none */

const SILENCE_SECONDS = 45; // of a stream that is alive: three times what Parley lets pass before it says so
const ENDED = { done: true, value: undefined };

/**
 * Yields the events of a body until it ends, breaks off or says nothing for long; throws the signal's reason when that is aborted.
 *
 * Leaving the loop lets go of the connection.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {AbortSignal} [signal]
 * @param {{ silenceSeconds?: number }} [options]
 * @returns {AsyncGenerator<ServerSentEvent, void, undefined>}
 */
export async function* eventsOf(body, signal, { silenceSeconds = SILENCE_SECONDS } = {}) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let waiting = "";
  try {
    for (;;) {
      const { done, value } = await within(silenceSeconds, reader.read());
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
 * Returns what was read; that all has ended where it was not read in time, or could not be.
 *
 * @param {number} seconds
 * @param {Promise<ReadableStreamReadResult<Uint8Array>>} reading
 */
async function within(seconds, reading) {
  let timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  const silence = new Promise((/** @type {(ended: typeof ENDED) => void} */ resume) => {
    timer = setTimeout(() => resume(ENDED), seconds * 1000);
  });
  try {
    return await Promise.race([reading.catch(() => ENDED), silence]);
  } finally {
    clearTimeout(timer);
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

/** A turn as a stream of events that survives its connection. */

import { ParleyError } from "./errors.js";
import { eventsOf } from "./events.js";
import { pause } from "./pause.js";

/** @import { Call, Connection } from "./connection.js" */
/** @import { TurnEvent } from "./types.js" */

/** @typedef {Extract<TurnEvent, { type: "turn" }>["data"]} Turn */

const PAUSE_SECONDS = 0.25; // before a stream that broke off is joined again; longer each time it brings nothing

/**
 * Yields the events of a turn to its `done` or `error`, however often the stream breaks off.
 *
 * `start` asks for the turn, and again as long as nothing of it has come, unless it is to be sent once; `join` says how
 * to go on after an event. A further `turn` event is shown where what was told is void. ParleyError where the turn is
 * refused, or where nothing new comes as often as a request is repeated.
 *
 * @param {Connection} connection
 * @param {Call} start
 * @param {(lastEventId: string, turn: Turn | null) => Promise<Call>} join
 * @returns {AsyncGenerator<TurnEvent, void, undefined>}
 */
export async function* followTurn(connection, start, join) {
  let turn = /** @type {Turn | null} */ (null);
  let lastEventId = "";
  let hasText = false;
  for (let idle = 0; idle <= connection.maxRetries; idle++) {
    if (idle) await pause(PAUSE_SECONDS * idle, start.signal);
    const isBegun = turn || (idle && start.once);
    for await (const event of eventsBy(connection, isBegun ? await join(lastEventId, turn) : start)) {
      if (event.type === "turn") {
        if (turn && !(hasText && event.data.offset === 0)) continue;
        turn ??= event.data;
        hasText = event.data.offset > 0;
      }
      hasText ||= event.type === "delta";
      lastEventId = event.id || lastEventId;
      idle = 0;
      yield event;
      if (event.type === "done" || event.type === "error") return;
    }
  }
  throw new ParleyError("the stream of the turn broke off");
}

/**
 * Returns a request for the events after the one of this id; all of them where there is none.
 *
 * @param {Call} call
 * @param {string | undefined} lastEventId
 * @returns {Call}
 */
export function after(call, lastEventId) {
  return { ...call, headers: { accept: "text/event-stream", "last-event-id": lastEventId || undefined } };
}

/**
 * Yields the events that one answer brings.
 *
 * @param {Connection} connection
 * @param {Call} call
 * @returns {AsyncGenerator<TurnEvent, void, undefined>}
 */
async function* eventsBy(connection, call) {
  const { response } = await connection.send({ ...call, streamed: true });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) {
    await response.body?.cancel();
    throw new ParleyError("The answer is no stream of events: is this Parley's address?", response);
  }
  for await (const { type, id, data } of eventsOf(response.body, call.signal)) {
    yield /** @type {TurnEvent} */ ({ type, id, data: JSON.parse(data) });
  }
}

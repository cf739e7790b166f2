/** Server-sent events, cut into pieces wherever a network may cut them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventsOf } from "../src/events.js";

/** @param {string} text @param {number} size */
async function read(text, size) {
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.slice(n * size, (n + 1) * size));
  const found = [];
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  for await (const event of eventsOf(body)) found.push(event);
  return found;
}

for (const [name, end] of Object.entries({ LF: "\n", CRLF: "\r\n", CR: "\r" })) {
  test(`events with lines that end in ${name} are read, wherever they are cut`, async () => {
    const lines = [": hello", "event: delta", "id: 1", "data: 李", "data:雷 🎈: x", "", "retry: 5", "", "data: {}", "", "id: 9"];
    const expected = [
      { type: "delta", id: "1", data: "李\n雷 🎈: x" },
      { type: "message", id: "", data: "{}" },
    ];

    for (const size of [1, 2, 3, 7, 1000]) assert.deepEqual(await read(lines.join(end), size), expected);
  });
}

test("a body that says nothing for long is over, and let go of", async () => {
  let isLetGo = false;
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("event: turn\ndata: {}\n\nevent: de")),
    cancel: () => void (isLetGo = true),
  });
  const found = [];

  for await (const event of eventsOf(body, undefined, { silenceSeconds: 0.05 })) found.push(event);

  assert.deepEqual([found, isLetGo], [[{ type: "turn", id: "", data: "{}" }], true]);
});

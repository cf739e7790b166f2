/** Turns, against a server that breaks off where it is told. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Parley, ParleyError } from "parley-client";

import { json, noAnswer, serverThat, stream } from "./fake.js";

const SAID = /** @type {const} */ ({ id: "m1", role: "user", content: "How are you?" });
const TURN = { type: "turn", id: "0", data: { messages: [SAID], reply_id: "r1", how: "started", offset: 0 } };
const GONE_ON = { ...TURN, id: "4", data: { ...TURN.data, offset: 4 } };
const DONE = { type: "done", id: "11", data: { session_id: "s", reply: { id: "r1", content: "Fine, thanks" } } };

/** @param {number} id @param {string} text */
const delta = (id, text) => ({ type: "delta", id: String(id), data: { text } });

/** @param {AsyncIterable<any>} events */
async function all(events) {
  const found = [];
  for await (const event of events) found.push(event);
  return found;
}

test("a turn is told event by event", async (context) => {
  const events = [TURN, delta(4, "Fine"), { type: "tool_calls", id: "5", data: { function_calls: [] } }, DONE];
  const { url, asked } = await serverThat(context, [stream(events)]);

  const found = await all(new Parley({ baseUrl: url }).takeTurn("s", SAID));

  assert.deepEqual(found, events);
  assert.deepEqual([asked[0]?.method, asked[0]?.url], ["POST", "/api/chat/sessions/s/turns"]);
  assert.deepEqual([asked[0]?.body, asked[0]?.headers.accept], [SAID, "text/event-stream"]);
});

test("a stream that breaks off is joined where it was, and told as one", async (context) => {
  const answers = [stream([TURN, delta(4, "Fine")]), stream([GONE_ON, delta(8, ", th")]), stream([GONE_ON, DONE])];
  const { url, asked } = await serverThat(context, answers);

  const found = await all(new Parley({ baseUrl: url }).takeTurn("s", { role: "user", content: "Hello" }));

  assert.deepEqual(found, [TURN, delta(4, "Fine"), delta(8, ", th"), DONE]);
  const joined = `/api/chat/sessions/s/turns/${asked[0]?.body.id}`;
  assert.deepEqual(asked.slice(1).map(({ method, url }) => [method, url]), [["GET", joined], ["GET", joined]]);
  assert.deepEqual(asked.map(({ headers }) => headers["last-event-id"]), [undefined, "4", "8"]);
});

test("where another text takes the place of what was told, the turn begins again", async (context) => {
  const answers = [stream([TURN, delta(4, "Fine")]), stream([TURN, delta(5, "Other"), DONE])];
  const { url } = await serverThat(context, answers);

  const found = await all(new Parley({ baseUrl: url }).takeTurn("s", SAID));

  assert.deepEqual(found, [TURN, delta(4, "Fine"), TURN, delta(5, "Other"), DONE]);
});

test("who joins after an event is told where another text takes the place of what it has", async (context) => {
  const { url } = await serverThat(context, [stream([GONE_ON, TURN, delta(5, "Other"), DONE])]);

  const found = await all(new Parley({ baseUrl: url }).joinTurn("s", "m1", { lastEventId: "4" }));

  assert.deepEqual(found, [GONE_ON, TURN, delta(5, "Other"), DONE]);
});

test("a turn whose answer is lost before its first event is asked for again under the same ids", async (context) => {
  const { url, asked } = await serverThat(context, [noAnswer, stream([]), stream([TURN, DONE])]);

  const found = await all(new Parley({ baseUrl: url }).takeTurn(null, { role: "user", content: "Hello" }));

  assert.deepEqual(found, [TURN, DONE]);
  assert.deepEqual(asked.map(({ url }) => url), Array(3).fill("/api/chat/turns"));
  assert.deepEqual(asked[1]?.body, asked[0]?.body);
  assert.ok(asked[0]?.body.id && asked[0]?.body.session_id);
});

test("without a message of one's own the turn is joined by the message that it answers", async (context) => {
  const silent = { ...TURN, data: { ...TURN.data, messages: [] } };
  const newest = json(200, { data: [SAID, { id: "r1" }], has_more: false });
  const { url, asked } = await serverThat(context, [stream([silent]), newest, stream([DONE])]);

  await all(new Parley({ baseUrl: url }).takeTurn("s"));

  assert.equal(asked[2]?.url, "/api/chat/sessions/s/turns/m1");
});

test("a stream that brings nothing new for ever is given up", async (context) => {
  const { url, asked } = await serverThat(context, [stream([TURN]), ...Array(9).fill(stream([TURN]))]);
  const turn = all(new Parley({ baseUrl: url, maxRetries: 1 }).takeTurn("s", SAID));

  await assert.rejects(turn, new ParleyError("the stream of the turn broke off"));
  assert.equal(asked.length, 2);
});

test("what the model failed at is told, and not paid for again", async (context) => {
  const problem = { status: 502, code: "model_failed", detail: "The model failed.", request_id: "x" };
  const failed = { type: "error", id: "1", data: problem };
  const { url, asked } = await serverThat(context, [stream([TURN, failed]), json(502, problem)]);
  const parley = new Parley({ baseUrl: url });

  assert.deepEqual(await all(parley.takeTurn("s", SAID)), [TURN, failed]);
  await assert.rejects(all(parley.takeTurn("s", SAID)), { status: 502, code: "model_failed" });
  assert.equal(asked.length, 2);
});

test("another reply is asked for once, and joined where its stream breaks off", async (context) => {
  const answers = [noAnswer, stream([TURN, delta(4, "Fine")]), stream([DONE]), stream([]), stream([TURN, DONE])];
  const { url, asked } = await serverThat(context, answers);
  const parley = new Parley({ baseUrl: url });

  await assert.rejects(all(parley.regenerate("s", "m1")), { status: 0 });
  assert.deepEqual(await all(parley.regenerate("s", "m1")), [TURN, delta(4, "Fine"), DONE]);
  assert.deepEqual(await all(parley.regenerate("s", "m1")), [TURN, DONE]);
  assert.deepEqual(asked.map(({ method }) => method), ["POST", "POST", "GET", "POST", "GET"]);
});

test("an aborted turn throws the reason of its signal", async (context) => {
  const { url } = await serverThat(context, [stream([TURN], { isWaiting: true })]);
  const controller = new AbortController();
  const turn = all(new Parley({ baseUrl: url }).takeTurn("s", SAID, { signal: controller.signal }));
  setTimeout(() => controller.abort(new Error("enough")), 50);

  await assert.rejects(turn, new Error("enough"));
});

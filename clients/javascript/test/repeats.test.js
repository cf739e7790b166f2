/** What is sent again and what is not, by a `fetch` that answers as it is told. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Parley, ParleyError, answerOf } from "parley-client";

const OK = { session_id: "s", messages: [], message_count: 1 };
const NO_ANSWER = () => Promise.reject(new TypeError("fetch failed"));

/** @param {number} status @param {unknown} [body] @param {Record<string, string>} [headers] */
function answer(status, body, headers) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return async () => new Response(status === 204 ? null : text, { status, headers });
}

/** @param {number} status @param {string} code */
const problem = (status, code) => answer(status, { status, code, detail: `It is ${code}.`, request_id: "r1" });

/**
 * A client whose requests are answered in turn, the last answer for ever, and that waits for nothing.
 *
 * @param {import("node:test").TestContext} context
 * @param {...(() => Promise<Response>)} answers
 */
function clientOf(context, ...answers) {
  const waits = /** @type {number[]} */ ([]);
  const sent = /** @type {{ url: string, method?: string, headers: Record<string, string>, body: any }[]} */ ([]);
  context.mock.method(Math, "random", () => 1);
  context.mock.method(globalThis, "setTimeout", (/** @type {() => void} */ resume, /** @type {number} */ wait) => {
    waits.push(wait / 1000);
    queueMicrotask(resume);
  });
  const fetch = /** @type {typeof globalThis.fetch} */ (
    async (url, init) => {
      const body = init?.body ? JSON.parse(String(init.body)) : undefined;
      sent.push({ url: String(url), method: init?.method, headers: /** @type {{}} */ (init?.headers), body });
      return (answers.length > 1 ? answers.shift() : answers[0])?.() ?? NO_ANSWER();
    }
  );
  return { parley: new Parley({ baseUrl: "https://parley.example/api/chat/", userId: "me", fetch }), sent, waits };
}

test("what got no answer is sent again, the same ids and key with it", async (context) => {
  const { parley, sent, waits } = clientOf(context, NO_ANSWER, answer(201, OK), NO_ANSWER, answer(201, { id: "s" }));

  await parley.appendMessages("s", { role: "user", content: "once" });
  await parley.createSession();

  assert.equal(sent.length, 4);
  assert.deepEqual(sent[1], sent[0]);
  assert.ok(sent[0]?.body.messages[0].id);
  assert.ok(sent[2]?.headers["idempotency-key"]);
  assert.deepEqual(sent[3], sent[2]);
  assert.deepEqual(waits, [0.25, 0.25]);
});

test("an answer that breaks off in its body is one that got lost", async (context) => {
  const broken = async () =>
    new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError("terminated")) }));
  const { parley, sent } = clientOf(context, broken, answer(200, { data: [], has_more: false }));

  assert.deepEqual((await parley.listSessions()).data, []);
  assert.equal(sent.length, 2);
});

test("a busy Parley is asked again after what it asks for, or after pauses that grow, five times in all", async (context) => {
  const busy = [answer(429, "", { "retry-after": "2" }), ...[502, 503, 504].map((status) => answer(status, "<p>"))];
  const { parley, sent, waits } = clientOf(context, ...busy, problem(503, "store_unavailable"));

  await assert.rejects(parley.getSession("s"), { status: 503, code: "store_unavailable" });
  assert.equal(sent.length, 5);
  assert.deepEqual(waits, [2, 0.5, 1, 2]);
});

test("who asks for more patience than ten seconds is told to the caller at once", async (context) => {
  const later = answer(429, { code: "throttled", detail: "Later." }, { "retry-after": "11" });
  const { parley, sent } = clientOf(context, later);

  await assert.rejects(parley.getSession("s"), { code: "throttled", retryAfter: 11, message: "Later." });
  assert.equal(sent.length, 1);
});

test("a Retry-After that is a date counts from now", async (context) => {
  const { parley } = clientOf(context, answer(503, "", { "retry-after": new Date(Date.now() + 60_000).toUTCString() }));

  await assert.rejects(parley.getSession("s"), (error) => {
    assert.ok(error instanceof ParleyError && error.retryAfter !== null);
    return error.retryAfter > 58 && error.retryAfter <= 60;
  });
});

test("what would make a second thing is sent once", async (context) => {
  const { parley, sent } = clientOf(context, NO_ANSWER);

  await assert.rejects(parley.forkSession("s"), { status: 0, code: null, message: "no answer" });
  await assert.rejects(parley.createShare("s"), { status: 0 });
  assert.equal(sent.length, 2);
});

test("a refusal is told with all that its problem document says, and not asked for again", async (context) => {
  const errors = [{ loc: ["body", "role"], msg: "no such role", type: "enum" }];
  const refusal = { status: 422, code: "validation_failed", detail: "The request breaks a rule.", request_id: "r1", errors };
  const { parley, sent } = clientOf(context, answer(422, refusal));

  await assert.rejects(parley.appendMessages("s", { role: "user", content: "x" }), {
    name: "ParleyError",
    message: "The request breaks a rule.",
    status: 422,
    code: "validation_failed",
    detail: "The request breaks a rule.",
    requestId: "r1",
    retryAfter: null,
    errors,
    problem: refusal,
  });
  assert.equal(sent.length, 1);
});

test("a gateway's page is told by its status, and a page of success as not Parley's", async (context) => {
  const { parley } = clientOf(context, answer(404, "<p>"), answer(200, "<p>"), answer(200, "7"));

  await assert.rejects(parley.getSession("s"), { status: 404, code: null, message: "answered 404" });
  await assert.rejects(parley.getSession("s"), { status: 200, message: /is this Parley's address/ });
  await assert.rejects(parley.getSession("s"), { status: 200, message: /is this Parley's address/ });
});

test("on a repeat, a session that is gone was deleted", async (context) => {
  const gone = problem(404, "session_not_found");
  const { parley, sent } = clientOf(context, NO_ANSWER, gone, gone, NO_ANSWER, answer(404, "<p>"));

  assert.deepEqual(await parley.deleteSession("s"), {});
  await assert.rejects(parley.deleteSession("s"), { code: "session_not_found" });
  await assert.rejects(parley.deleteSession("s"), { status: 404 });
  assert.equal(sent.length, 5);
});

test("an aborted request throws the reason of its signal, during a pause too", async (context) => {
  const { parley, sent } = clientOf(context, NO_ANSWER);
  context.mock.restoreAll();
  const controller = new AbortController();
  const asked = parley.getSession("s", { signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 20);

  await assert.rejects(asked, new Error("enough"));
  await assert.rejects(parley.getSession("s", { signal: AbortSignal.abort(new Error("never")) }), new Error("never"));
  assert.equal(sent.length, 2);
});

test("each answer's token goes back with the next request, and one that means nothing does not", async (context) => {
  const tokens = ["0:-1#1", "", "x".repeat(257), "0:-1#2"];
  const answers = tokens.map((token) => answer(404, "", token ? { "x-session-token": token } : {}));
  const { parley, sent } = clientOf(context, ...answers);

  for (let times = 5; times; times--) await parley.getSession("s").catch(() => null);

  const returned = sent.map(({ headers }) => headers["x-session-token"]);
  assert.deepEqual(returned, [undefined, "0:-1#1", "0:-1#1", "0:-1#1", "0:-1#2"]);
});

test("a mistake of the caller's is no network that failed", async (context) => {
  const { parley, sent } = clientOf(context, NO_ANSWER);

  await assert.rejects(parley.createSession({}, { idempotencyKey: "two\nlines" }), TypeError);
  await assert.rejects(parley.getSession(".."), TypeError);
  await assert.rejects(new Parley({ userId: "me" }).getSession("s"), TypeError, "Node has no page to be relative to");
  assert.equal(sent.length, 0);
});

test("what came with an answer is found by its result, and by no copy", async (context) => {
  const headers = { etag: '"e1"', "x-request-id": "r1", "x-request-charge": "5.7" };
  const { parley } = clientOf(context, answer(201, OK, headers), answer(204, "", { etag: '"e2"' }));

  const appended = await parley.appendMessages("s", []);
  const { status, etag, requestId, charge } = answerOf(appended);

  assert.deepEqual({ status, etag, requestId, charge }, { status: 201, etag: '"e1"', requestId: "r1", charge: 5.7 });
  assert.equal(answerOf(await parley.clearMessages("s")).etag, '"e2"');
  assert.throws(() => answerOf({ ...appended }), TypeError);
});

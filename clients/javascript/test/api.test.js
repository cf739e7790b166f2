/** The client before a real Parley, whose address is in PARLEY_URL. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Parley, answerOf } from "parley-client";

import { everyCall } from "./every-call.js";
import { all, newcomer as aNewcomer, url } from "./real-parley.js";

const DOCUMENT = new URL("../../../shared/http/docs_page/openapi.json", import.meta.url);
const NOT_A_CLIENTS = new Set(["PUT /api/chat/sessions/{}", "HEAD /api/health", "GET /api/openapi.json"]);
const FOR_BROWSERS = /\/(docs|app|view)(\/|$)/;
const HELLO = { role: /** @type {const} */ ("user"), content: "Hello" };

/** A client of a user who has nothing yet. */
const newcomer = () => aNewcomer().parley;

test("every route of the API is a method", async () => {
  /** @type {Set<string>} */
  const asked = new Set();
  const fetch = /** @type {typeof globalThis.fetch} */ (
    async (address, { method } = {}) => {
      asked.add(`${method} ${new URL(String(address)).pathname.replaceAll(/\b(s|m|h|t)(?=\/|$)/g, "{}")}`);
      return new Response("", { status: 400 });
    }
  );
  for (const call of everyCall(new Parley({ baseUrl: url, fetch }))) await call().catch(() => null);

  const routes = Object.entries(JSON.parse(readFileSync(DOCUMENT, "utf-8")).paths).flatMap(([path, verbs]) =>
    Object.entries(/** @type {Record<string, { deprecated?: boolean }>} */ (verbs))
      .filter(([, { deprecated }]) => !deprecated)
      .map(([verb]) => `${verb.toUpperCase()} ${path.replaceAll(/\{[a-z_]+\}/g, "{}")}`),
  );
  const missing = routes.filter((route) => !asked.has(route) && !NOT_A_CLIENTS.has(route) && !FOR_BROWSERS.test(route));
  assert.deepEqual(missing, []);
  assert.ok(routes.length > 25);
});

test("a session is made, read, changed under its etag and deleted", async () => {
  const parley = newcomer();
  const made = await parley.createSession({ session_name: "A first chat" });
  const etag = answerOf(made).etag ?? "";

  assert.equal(await parley.getSession(made.id, { ifNoneMatch: etag }), null);
  const changed = await parley.updateSession(made.id, { pinned: true }, { ifMatch: etag });
  await assert.rejects(parley.updateSession(made.id, { pinned: false }, { ifMatch: etag }), {
    status: 412,
    code: "precondition_failed",
  });
  await parley.deleteSession(made.id, { ifMatch: answerOf(changed).etag });

  await assert.rejects(parley.getSession(made.id), { status: 404, code: "session_not_found" });
});

test("what a lost answer was about is stored once", async () => {
  const { parley, network } = aNewcomer();
  const losing = (/** @type {() => Promise<any>} */ ask) => {
    network.lose = 1;
    return ask();
  };

  const { id } = await losing(() => parley.createSession());
  const appended = await losing(() => parley.appendMessages(id, [HELLO, HELLO]));
  const elsewhere = await losing(() => parley.appendAnywhere(HELLO));
  const guarded = await losing(() => parley.appendMessages(id, HELLO, { ifMatch: answerOf(appended).etag }));
  const tail = await losing(() => parley.replaceTail(id, 1, [HELLO], { ifMatch: answerOf(guarded).etag }));
  await losing(() => parley.deleteSession(elsewhere.session_id, { ifMatch: answerOf(elsewhere).etag }));

  assert.deepEqual([appended.message_count, answerOf(appended).status], [2, 200]);
  assert.deepEqual([guarded.message_count, tail.message_count], [3, 2]);
  assert.equal((await all(parley.sessions())).length, 1);
});

test("whatever a user is called, it is that user", async () => {
  for (const userId of ["李雷", "Łukasz", "Zoë", "two words"]) {
    const { user_id } = await new Parley({ baseUrl: `${url}/api/chat`, userId }).createSession();
    assert.equal(user_id, userId);
  }
});

test("what comes in pages comes to its end", async () => {
  const parley = newcomer();
  const { id } = await parley.createSession({ tags: ["a", "b"] });
  await parley.appendMessages(id, Array(150).fill(HELLO));
  for (let times = 2; times; times--) await parley.createSession({ tags: ["a"] });

  assert.deepEqual((await all(parley.messages(id))).map(({ seq }) => seq), Array.from({ length: 150 }, (_, n) => 150 - n));
  const few = { order: /** @type {const} */ ("asc"), after: 140, limit: 3 };
  assert.deepEqual((await all(parley.messages(id, few))).map(({ seq }) => seq), [141, 142, 143, 144, 145, 146, 147, 148, 149, 150]);
  assert.equal((await all(parley.sessions({ limit: 1 }))).length, 3);
  assert.equal((await all(parley.sessions({ tag: ["a", "b"], limit: 1 }))).length, 1);
  assert.equal((await all(parley.searchAll("hello", { session_id: id, limit: 100 }))).length, 150);
});

test("the end of a session is put anew in one step, and one message in the place of another", async () => {
  const parley = newcomer();
  const { session_id: id, messages } = await parley.appendAnywhere({ messages: [HELLO, HELLO] });

  const tail = await parley.replaceTail(id, 1, [{ role: "assistant", content: "Hi" }]);
  const fields = { role: /** @type {const} */ ("assistant"), content: "Hi there", raw: '{"n": 1.0}' };
  const edited = await parley.replaceMessage(id, tail.messages[0]?.id ?? "", fields, { ifMatch: answerOf(tail).etag });

  assert.deepEqual([edited.seq, edited.content, edited.raw], [2, "Hi there", '{"n": 1.0}']);
  assert.deepEqual((await parley.getSession(id)).messages, [messages[0], edited]);
  await parley.clearMessages(id, { after: 1 });
  assert.equal((await parley.getSession(id)).message_count, 1);
});

test("a link shows what was said until it is revoked, and an export all of it", async () => {
  const parley = newcomer();
  const { session_id } = await parley.appendAnywhere(HELLO);
  const { id } = await parley.forkSession(session_id, { afterSeq: 1 });
  const { url: path, share_id } = await parley.createShare(id, { expiresInSeconds: 60 });
  const token = path.split("/").at(-1) ?? "";

  assert.equal((await new Parley({ baseUrl: url }).viewShare(token)).messages[0]?.content, "Hello");
  await parley.revokeShare(id, share_id);
  await assert.rejects(parley.viewShare(token), { code: "share_not_found" });
  assert.match((await all(parley.exportSession(id, { format: "markdown" }))).join(""), /> Hello/);
  assert.equal((await all(parley.exportOwner())).join("").trim().split("\n").length, 4);
  assert.deepEqual(await parley.listMessages(id, { format: "openai" }), [{ role: "user", content: "Hello" }]);
  assert.deepEqual(await parley.eraseAll(), { sessions: 2, messages: 2 });
});

test("a message is rated, annotated and redacted, and counted", async () => {
  const parley = newcomer();
  const { session_id: id, messages } = await parley.appendAnywhere(HELLO);
  const messageId = messages[0]?.id ?? "";

  await parley.updateMessage(id, messageId, { feedback: { rating: "up" }, metadata: { n: 1 } });
  const rated = await parley.getMessage(id, messageId);
  await parley.redactMessage(id, messageId);

  assert.deepEqual([rated.feedback?.rating, rated.metadata], ["up", { n: 1 }]);
  assert.equal((await parley.getMessage(id, messageId)).content, "");
  assert.equal((await parley.sessionStats(id)).by_role.user, 1);
  assert.equal((await parley.stats({ days: 1 })).messages, 1);
  assert.equal((await parley.health()).status, "ok");
});

test("an archived session takes nothing until it is restored", async () => {
  const parley = newcomer();
  const { id } = await parley.createSession();
  await parley.archiveSession(id);

  await assert.rejects(parley.appendMessages(id, HELLO), { status: 409, code: "session_archived" });
  await parley.restoreSession(id);
  assert.equal((await parley.appendMessages(id, HELLO)).message_count, 1);
});

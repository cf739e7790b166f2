/** The AI SDK's `useChat` in a page that React draws, on the turns of a real Parley. */

import assert from "node:assert/strict";
import { test as tested } from "node:test";

import { openPage, textOf } from "./page.js"; // first, as React looks for a document
import { Chat } from "@ai-sdk/react";
import { Parley, newId } from "parley-client";
import { ParleyChatTransport, loadChat } from "parley-client/ai-sdk";

import { all, newcomer, url } from "./real-parley.js";

/** @typedef {ReturnType<typeof openPage>} Page */

const HOW = [{ isStrict: false }, { isStrict: true }];

/** @param {string} name @param {() => Promise<void>} body */
const test = (name, body) => tested(name, { skip: !process.env.PARLEY_TALKS && "pytest tests/clients/javascript has the model for it" }, body);

/** @param {() => unknown} isTrue */
async function until(isTrue) {
  for (let turns = 1000; turns && !(await isTrue()); turns--) await new Promise((resume) => setTimeout(resume, 10));
  assert.ok(await isTrue());
}

/** Lets the model go on with what it waits in. @param {Parley} parley */
const goOn = (parley) => all(parley.takeTurn(null, { role: "user", content: "Go on" }));

/** @param {Page} page @param {string[]} texts */
const shows = (page, ...texts) => until(() => page.isSetUp && page.chat.status === "ready" && String(page.texts) === String(texts));

/** @param {Parley} parley @param {string[]} texts */
const stores = (parley, ...texts) =>
  until(async () => {
    const messages = await loadChat(parley, "chat 1");
    return String(messages.map(textOf)) === String(texts);
  });

/**
 * Opens a page in which a reply has begun.
 *
 * @param {Parley} parley
 * @param {object} [settings]
 * @param {{ isStrict?: boolean }} [how]
 */
async function begun(parley, settings = {}, how = {}) {
  const page = openPage({ id: "chat 1", transport: new ParleyChatTransport({ parley, ...settings }) }, how);
  await until(() => page.isSetUp);
  void page.chat.sendMessage({ text: "Slowly" });
  await until(() => page.texts[1] === "One ");
  return page;
}

/** @param {Parley} parley @param {object} [settings] @param {{ isStrict?: boolean }} [how] */
async function opened(parley, settings = {}, how = {}) {
  const transport = new ParleyChatTransport({ parley, ...settings });
  return openPage({ id: "chat 1", messages: await loadChat(parley, "chat 1"), transport, resume: true }, how);
}

/** A network that can be cut: what is under way ends, and nothing is answered until it is mended. */
function breaking() {
  let line = new AbortController();
  const fetch = /** @type {typeof globalThis.fetch} */ (
    async (address, init) => {
      if (line.signal.aborted) throw new TypeError("fetch failed");
      return globalThis.fetch(address, { ...init, signal: AbortSignal.any([line.signal, ...(init?.signal ? [init.signal] : [])]) });
    }
  );
  return { fetch, cut: () => line.abort(), mend: () => void (line = new AbortController()) };
}

test("a page shows a reply as it is made", async () => {
  const { parley } = newcomer();
  const page = await begun(parley);
  assert.equal(page.chat.status, "streaming");

  await goOn(parley);

  await shows(page, "Slowly", "One two");
  page.close();
});

for (const how of HOW) {
  test(`a second window goes on with the reply from its first word, set up ${how.isStrict ? "twice" : "once"}`, async () => {
    const { parley } = newcomer();
    const page = await begun(parley, {}, how);

    const again = await opened(parley, {}, how);
    await until(() => again.texts[1] === "One ");
    await goOn(parley);

    await shows(page, "Slowly", "One two");
    await shows(again, "Slowly", "One two");
    assert.deepEqual(again.chat.messages.map(({ id }) => id), page.chat.messages.map(({ id }) => id));
    page.close();
    again.close();
  });
}

test("a window that is opened when the reply is there shows it, and asks for nothing", async () => {
  const { parley } = newcomer();
  await all(parley.takeTurn(null, { session_id: "chat-1", role: "user", content: "Hi" }));
  const page = openPage({ id: "chat-1", messages: await loadChat(parley, "chat-1"), transport: new ParleyChatTransport({ parley }), resume: true });

  await shows(page, "Hi", "Hello there.");
  page.close();
});

test("another reply takes the place of the newest, which is kept where there is none", async () => {
  const { parley } = newcomer();
  const page = await opened(parley);
  await until(() => page.isSetUp);
  const text = `Fail the second time ${newId()}`;
  await page.chat.sendMessage({ text });
  await shows(page, text, "Hello there.");

  await page.chat.regenerate();
  await until(() => page.chat.status === "error");
  page.chat.setMessages(await loadChat(parley, "chat 1"));
  page.chat.clearError();
  await shows(page, text, "Hello there.");
  await page.chat.regenerate();

  await shows(page, text, "Hello there.");
  page.close();
});

test("a stop lets go of the reply, and the same page may go on with it", async () => {
  const { parley } = newcomer();
  const page = await begun(parley);

  await page.chat.stop();
  await shows(page, "Slowly", "One ");
  const resuming = page.chat.resumeStream();
  await until(() => page.chat.status === "streaming");
  await goOn(parley);
  await resuming;

  await shows(page, "Slowly", "One two");
  page.close();
});

test("where the page asks for it a stop ends the reply, for every window", async () => {
  const { parley } = newcomer();
  const page = await begun(parley, { stopOnAbort: true });
  const again = await opened(parley, { stopOnAbort: true });
  await until(() => again.texts[1] === "One ");

  await again.chat.stop();

  await shows(page, "Slowly", "One ");
  await stores(parley, "Slowly", "One ");
  page.close();
  again.close();
});

test("who leaves the page leaves the reply to be made", async () => {
  const { parley } = newcomer();
  const page = await begun(parley);

  page.close();
  await goOn(parley);

  await stores(parley, "Slowly", "One two");
});

test("who leaves the page with stopOnAbort stops the reply with useChat of version 7", async () => {
  const { parley } = newcomer();
  const page = await begun(parley, { stopOnAbort: true });

  page.close();

  if (process.env.AI_VERSION === "7") return stores(parley, "Slowly", "One ");
  await goOn(parley);
  await stores(parley, "Slowly", "One two");
});

test("a chat of one's own outlives its page, with stopOnAbort too", async () => {
  const { parley } = newcomer();
  const chat = new Chat({ id: "chat 1", transport: new ParleyChatTransport({ parley, stopOnAbort: true }) });
  const page = openPage({ chat });
  void chat.sendMessage({ text: "Slowly" });
  await until(() => page.texts[1] === "One ");

  page.close();
  await goOn(parley);

  await until(() => chat.status === "ready");
  await stores(parley, "Slowly", "One two");
});

test("a network that stays away is the chat's error, and resumeStream goes on with the reply", async () => {
  const { parley, network: { userId } } = newcomer();
  const network = breaking();
  const page = await begun(new Parley({ baseUrl: url, userId, fetch: network.fetch, maxRetries: 0 }));

  network.cut();
  await until(() => page.chat.status === "error");
  network.mend();
  const resuming = page.chat.resumeStream();
  await until(() => page.chat.status === "streaming");
  await goOn(parley);
  await resuming;

  await shows(page, "Slowly", "One two");
  page.close();
});

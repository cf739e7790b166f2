/** The AI SDK's own chat of a page on the turns of a real Parley, whose model does what the words ask for. */

import assert from "node:assert/strict";
import { test as tested } from "node:test";

import { lastAssistantMessageIsCompleteWithToolCalls } from "ai";
import { newId } from "parley-client";
import { ParleyChatTransport, loadChat } from "parley-client/ai-sdk";

import { PageChat } from "./page-chat.js";
import { all, newcomer } from "./real-parley.js";

/** @import { Parley } from "parley-client" */

const TOOLS = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];

/** @param {string} name @param {() => Promise<void>} body */
const test = (name, body) => tested(name, { skip: !process.env.PARLEY_TALKS && "pytest tests/clients/javascript has the model for it" }, body);

/** @param {Parley} parley @param {object} [settings] @param {object} [init] */
function pageOf(parley, settings, init) {
  const transport = new ParleyChatTransport({ parley, ...settings });
  return new PageChat({ id: "chat 1", transport, ...init });
}

/** @param {import("ai").UIMessage[]} messages */
const texts = (messages) => messages.map(({ parts }) => parts.map((part) => (part.type === "text" ? part.text : "")).join(""));

/** @param {() => unknown} isTrue */
async function until(isTrue) {
  for (let turns = 1000; turns && !(await isTrue()); turns--) await new Promise((resume) => setTimeout(resume, 10));
  assert.ok(await isTrue());
}

/** Lets the model go on with what it waits in. @param {Parley} parley */
const goOn = (parley) => all(parley.takeTurn(null, { role: "user", content: "Go on" }));

test("what a page says is answered, and its next visit finds both", async () => {
  const { parley } = newcomer();
  const page = pageOf(parley);

  await page.sendMessage({ text: "Hi" });
  await page.sendMessage({ text: "And?" });

  assert.deepEqual([page.status, page.error], ["ready", undefined]);
  assert.deepEqual(texts(page.messages), ["Hi", "Hello there.", "And?", "Hello there."]);
  const later = pageOf(parley, {}, { messages: await loadChat(parley, "chat 1") });
  assert.deepEqual(texts(later.messages), texts(page.messages));
  assert.deepEqual(later.messages.map(({ id }) => id), page.messages.map(({ id }) => id));
});

test("the page's tools answer the model's calls, and the reply goes on", async () => {
  const { parley } = newcomer();
  const page = pageOf(parley, { options: { tools: TOOLS } }, {
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
    onToolCall: (/** @type {any} */ { toolCall: { toolName, toolCallId, input } }) =>
      void page.addToolOutput({ tool: toolName, toolCallId, output: { city: input.city, celsius: 21 } }),
  });

  await page.sendMessage({ text: "What is the weather?" });
  await until(() => page.status === "ready" && texts(page.messages)[1]);

  assert.deepEqual(page.messages[1]?.parts.map(({ type }) => type), ["step-start", "tool-weather", "step-start", "text"]);
  assert.deepEqual(texts(page.messages), ["What is the weather?", 'Tools said {"city":"Zürich","celsius":21}']);
  assert.equal(page.messages.length, 2);
});

test("another reply takes the place of the newest, and of all that follows an earlier one", async () => {
  const { parley } = newcomer();
  const page = pageOf(parley);
  await page.sendMessage({ text: "Hi" });
  const [question, first] = page.messages;

  await page.regenerate();
  assert.deepEqual(texts(page.messages), ["Hi", "Hello there."]);
  await page.sendMessage({ text: "And?" });
  await page.regenerate({ messageId: first?.id });
  assert.deepEqual(texts(await loadChat(parley, "chat 1")), ["Hi", "Hello there."]);
  await page.sendMessage({ text: "Hey", messageId: question?.id });

  assert.equal(page.error, undefined);
  assert.deepEqual(texts(page.messages), ["Hey", "Hello there."]);
  assert.deepEqual(texts(await loadChat(parley, "chat 1")), ["Hey", "Hello there."]);
});

test("a stop only lets go of the reply, which is stored whole", async () => {
  const { parley } = newcomer();
  const page = pageOf(parley);
  void page.sendMessage({ text: "Slowly" });
  await until(() => texts(page.messages)[1] === "One ");

  await page.stop();
  await goOn(parley);

  assert.deepEqual(texts(page.messages), ["Slowly", "One "]);
  await until(async () => texts(await loadChat(parley, "chat 1"))[1] === "One two");
});

test("where the page asks for it a stop ends the reply with what there is", async () => {
  const { parley } = newcomer();
  const page = pageOf(parley, { stopOnAbort: true });
  void page.sendMessage({ text: "Slowly" });
  await until(() => texts(page.messages)[1] === "One ");

  await page.stop();

  await until(async () => texts(await loadChat(parley, "chat 1"))[1] === "One ");
});

test("a page that is opened again goes on with the reply that is being made, and with none where that is over", async () => {
  const { parley } = newcomer();
  const page = pageOf(parley);
  await page.resumeStream();
  assert.deepEqual([page.status, page.messages], ["ready", []]);
  const saying = page.sendMessage({ text: "Slowly" });
  await until(() => texts(page.messages)[1] === "One ");

  const again = pageOf(parley, {}, { messages: await loadChat(parley, "chat 1") });
  const resuming = again.resumeStream();
  await until(() => texts(again.messages)[1] === "One ");
  await goOn(parley);
  await Promise.all([saying, resuming]);

  assert.deepEqual(texts(again.messages), ["Slowly", "One two"]);
  assert.deepEqual(again.messages.map(({ id }) => id), page.messages.map(({ id }) => id));
  await again.resumeStream();
  assert.deepEqual(texts(again.messages), ["Slowly", "One two"]);
});

test("what fails is the chat's error, and another try is answered", async () => {
  const { parley } = newcomer();
  const page = pageOf(parley, {}, { messages: [] });
  const text = `Fail once ${newId()}`;

  await page.sendMessage({ text });
  assert.equal(page.status, "error");
  assert.match(page.error?.message ?? "", /^The model failed/);
  await page.regenerate();

  assert.deepEqual([page.status, texts(page.messages)], ["ready", [text, "Hello there."]]);
});

test("what is refused is a ParleyError", async () => {
  const { parley } = newcomer();
  const page = pageOf(parley, { options: { model: "another" } });

  await page.sendMessage({ text: "Hi" });

  assert.deepEqual([page.status, /** @type {any} */ (page.error).code], ["error", "forbidden"]);
});

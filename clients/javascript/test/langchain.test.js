/** Histories of the real LangChain.js, kept by a real Parley. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { AIMessage, ChatMessage, FunctionMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { ChatPromptTemplate, MessagesPlaceholder } from "@langchain/core/prompts";
import { RunnableWithMessageHistory } from "@langchain/core/runnables";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { Parley } from "parley-client";
import { ParleyChatMessageHistory } from "parley-client/langchain";

import { all, newcomer, url } from "./real-parley.js";

/** @import { BaseMessage } from "@langchain/core/messages" */

const CALLS = ["Zürich", "Bern"].map((city, n) => ({ id: `call_${n}`, name: "weather", args: { city }, type: /** @type {const} */ ("tool_call") }));
const IMAGE = { type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(400_000)}` } };
const TURN = [
  new SystemMessage("Be short."),
  new HumanMessage({ content: [{ type: "text", text: "Which weather is it there?" }, IMAGE], id: "h1", name: "Alice" }),
  new AIMessage({
    content: [{ type: "reasoning", reasoning: "Two cities." }],
    tool_calls: CALLS,
    id: "lc_run--1-0",
    usage_metadata: { input_tokens: 3, output_tokens: 5, total_tokens: 8 },
    response_metadata: { model: "m", logprobs: "x".repeat(100_000), "10": 1.5, "2": -0.5 },
    additional_kwargs: { big: 2 ** 60 },
  }),
  new ToolMessage({ content: "It is sunny in Zürich, and that since yesterday.", tool_call_id: "call_0", name: "weather", artifact: { raw: [1, null] }, status: "success" }),
  new ToolMessage({ content: "y".repeat(300_000), tool_call_id: "call_1", status: "error" }),
  new AIMessage('Sunny \ud83d, and {"$text":0} 🎈; that much is known of the weather.'),
  new ChatMessage("Hello", "somebody"),
  new FunctionMessage({ content: "1", name: "f" }),
];

/** @param {BaseMessage[]} messages */
const dicts = (messages) => JSON.stringify(messages.map((message) => message.toDict()));

test("a turn with tools, thoughts, a picture, usage and metadata comes back equal, in one request each way", async () => {
  const { parley, network } = newcomer();
  const history = new ParleyChatMessageHistory({ parley, sessionId: "c" });

  await history.addMessages(TURN);
  const found = await history.getMessages();

  assert.equal(dicts(found), dicts(TURN));
  assert.deepEqual(found.map(({ constructor }) => constructor.name), TURN.map(({ constructor }) => constructor.name));
  assert.equal(network.asked.length, 2);
});

test("people, search and a model read what was said", async () => {
  const { parley } = newcomer();
  await new ParleyChatMessageHistory({ parley, sessionId: "c" }).addMessages(TURN);

  const forModel = await parley.listMessages("c", { format: "openai" });

  assert.deepEqual(forModel.slice(1, 5).map(({ role }) => role), ["user", "assistant", "tool", "tool"]);
  assert.deepEqual(forModel[2]?.tool_calls?.length, 2);
  assert.equal((await all(parley.searchAll("sunny in zürich"))).length, 1);
  const [, human] = (await parley.getSession("c")).messages;
  assert.deepEqual([human?.name, human?.content.length], ["Alice", 2]);
  assert.deepEqual(human?.content[1], { type: "text", text: "[image/png, 300 kB]" });
});

test("what is longer than Parley's place for it goes on in the content", async () => {
  const { parley } = newcomer();
  const history = new ParleyChatMessageHistory({ parley, sessionId: "c" });
  const message = new AIMessage({ content: "Done.", additional_kwargs: { page: "雷".repeat(200_000) } });

  await history.addMessage(message);

  assert.equal(dicts(await history.getMessages()), dicts([message]));
  assert.equal((await all(parley.searchAll("done"))).length, 1);
});

test("equal messages stay as many as they are, and any session id is one conversation", async () => {
  const { parley } = newcomer();
  for (const sessionId of ["user:42", "a/b", "über", "", ".", "c"]) {
    const history = new ParleyChatMessageHistory({ parley, sessionId });
    for (let times = 3; times; times--) await history.addUserMessage("yes");
    assert.equal((await history.getMessages()).length, 3);
  }
  const sessions = await all(parley.sessions());
  assert.deepEqual([sessions.length, new Set(sessions.map(({ channel }) => channel))], [6, new Set(["langchain"])]);
});

test("messages whose answer is lost are stored once, and a list too long for one request whole or not at all", async () => {
  const { parley, network } = newcomer();
  const history = new ParleyChatMessageHistory({ parley, sessionId: "c" });
  network.lose = 1;
  await history.addMessages(Array.from({ length: 450 }, (_, n) => new HumanMessage(`${n}`)));
  const tooLarge = new HumanMessage("x".repeat(2_000_000));

  await assert.rejects(history.addMessages([...Array(250).fill(new HumanMessage("again")), tooLarge]), { status: 413 });

  const found = await history.getMessages();
  assert.deepEqual(found.map(({ content }) => content), Array.from({ length: 450 }, (_, n) => `${n}`));
});

test("a history that is archived goes on, one that was cleared is empty, and a store that fails is an error", async () => {
  const { parley } = newcomer();
  const history = new ParleyChatMessageHistory({ parley, sessionId: "c" });
  assert.deepEqual(await history.getMessages(), []);
  await history.clear();

  await history.addAIMessage("Hello");
  await parley.archiveSession("c");
  await history.addAIMessage("Hello again");
  const before = (await history.getMessages()).length;
  await history.clear();

  assert.deepEqual([before, (await history.getMessages()).length], [2, 0]);
  await assert.rejects(new ParleyChatMessageHistory({ parley: new Parley({ baseUrl: url }), sessionId: "c" }).getMessages(), { status: 400 });
});

test("what others stored is read by what it says, without what was redacted", async () => {
  const { parley } = newcomer();
  const { messages } = await parley.appendAnywhere({
    session_id: "c",
    messages: [
      { role: "developer", content: "Be short." },
      { role: "user", content: [{ type: "text", text: "Hello" }, { type: "text", text: "there" }] },
      { role: "user", content: "secret" },
      { role: "tool", content: "21", tool_call_id: "c1", raw: "not JSON" },
    ],
  });
  await parley.redactMessage("c", messages[2]?.id ?? "");

  const found = await new ParleyChatMessageHistory({ parley, sessionId: "c" }).getMessages();

  assert.deepEqual(found.map((message) => [message.getType(), message.content]), [["system", "Be short."], ["human", "Hello\nthere"], ["tool", "21"]]);
});

test("LangChain's own runnable with a history remembers", async () => {
  const { parley } = newcomer();
  const prompt = ChatPromptTemplate.fromMessages([new MessagesPlaceholder("history"), ["human", "{input}"]]);
  const chat = new RunnableWithMessageHistory({
    runnable: prompt.pipe(new FakeListChatModel({ responses: ["Hello, Alice.", "Alice."] })),
    getMessageHistory: (sessionId) => new ParleyChatMessageHistory({ parley, sessionId }),
    inputMessagesKey: "input",
    historyMessagesKey: "history",
  });

  for (const input of ["I am Alice.", "Who am I?"]) await chat.invoke({ input }, { configurable: { sessionId: "c" } });

  const { messages } = await parley.getSession("c");
  assert.deepEqual(messages.map(({ role, content }) => [role, content]), [["user", "I am Alice."], ["assistant", "Hello, Alice."], ["user", "Who am I?"], ["assistant", "Alice."]]);
});

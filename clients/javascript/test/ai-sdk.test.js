/** Chats of the real AI SDK, made by its own client and server, kept by a real Parley. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { convertToModelMessages, generateId, jsonSchema, lastAssistantMessageIsCompleteWithApprovalResponses, stepCountIs, streamText, tool } from "ai";
import { MockLanguageModelV3, simulateReadableStream } from "ai/test";
import { Parley, answerOf } from "parley-client";
import { loadChat, saveChat } from "parley-client/ai-sdk";

import { PageChat } from "./page-chat.js";
import { all, newcomer, url } from "./real-parley.js";

const USAGE = { inputTokens: { total: 3, noCache: 3, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 5, text: 5, reasoning: 0 } };

/** @param {string} id @param {string} text @param {"user" | "assistant"} [role] @returns {import("ai").UIMessage} */
const said = (id, text, role = id.startsWith("u") ? "user" : "assistant") => ({ id, role, parts: [{ type: "text", text }] });

/** @param {any[]} chunks */
const reply = (chunks, reason = "stop") => ({
  stream: simulateReadableStream({
    chunkDelayInMs: null,
    initialDelayInMs: null,
    chunks: [{ type: "stream-start", warnings: [] }, ...chunks, { type: "finish", finishReason: { unified: reason, raw: reason }, usage: USAGE }],
  }),
});
const text = (/** @type {string} */ id, /** @type {string} */ delta) => [
  { type: "text-start", id },
  { type: "text-delta", id, delta },
  { type: "text-end", id },
];
const CALL = { type: "tool-call", toolCallId: "call_1", toolName: "weather", input: '{"city":"Zürich"}' };
const THOUGHT = [{ type: "reasoning-start", id: "r" }, { type: "reasoning-delta", id: "r", delta: "Hm." }, { type: "reasoning-end", id: "r" }];

/**
 * A page whose server asks this model, and saves what comes, as the AI SDK's guide has it.
 *
 * @param {Parley} parley
 * @param {any[]} replies
 * @param {{ generateMessageId?: () => string }} [options]
 */
function pageOf(parley, replies, options) {
  const model = new MockLanguageModelV3({ doStream: async () => replies.shift() });
  const weather = tool({
    inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } } }),
    needsApproval: true,
    execute: async () => ({ celsius: 21.5, words: "sunny" }),
  });
  /** @type {Promise<import("ai").UIMessage[]>} */
  let saving = Promise.resolve([]);
  const chat = new PageChat({
    id: "chat-1",
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    transport: {
      reconnectToStream: async () => null,
      sendMessages: async ({ chatId, messages }) => {
        const previous = await loadChat(parley, chatId);
        const result = streamText({ model, messages: await convertToModelMessages(messages), tools: { weather }, stopWhen: stepCountIs(3) });
        return result.toUIMessageStream({
          originalMessages: messages,
          ...options,
          messageMetadata: ({ part }) => (part.type === "finish" ? { tokens: part.totalUsage.totalTokens } : undefined),
          onFinish: ({ messages }) => void (saving = saveChat(parley, { chatId, messages, previous })),
        });
      },
    },
  });
  return { chat, saved: () => saving };
}

/** @param {unknown} found @param {unknown} expected */
function assertSameJson(found, expected) {
  assert.equal(JSON.stringify(found), JSON.stringify(expected));
}

for (const [name, options] of Object.entries({ ids: { generateMessageId: generateId }, "empty ids": {} })) {
  test(`a chat with thoughts, a tool and its approval is kept as it grows: replies with ${name}`, async () => {
    const { parley, network } = newcomer();
    const replies = [reply([...THOUGHT, CALL], "tool-calls"), reply(text("t", "It is sunny.")), reply(text("t", "You are welcome."))];
    const { chat, saved } = pageOf(parley, replies, options);
    const check = async (/** @type {number} */ count) => {
      for (let turns = 500; turns && chat.status !== "ready"; turns--) await new Promise((resume) => setTimeout(resume, 10));
      const given = await saved();
      assertSameJson(await loadChat(parley, "chat-1"), given);
      assertSameJson(given.map(({ parts }) => parts), chat.messages.map(({ parts }) => parts)); // where ids are empty, the page makes some
      assert.equal(given.length, count);
    };

    await chat.sendMessage({ text: "What is the weather in Zürich?" });
    await check(2);

    const waiting = /** @type {any} */ (chat.messages[1]?.parts.at(-1));
    assert.equal(waiting.state, "approval-requested");
    network.asked.length = 0;
    await chat.addToolApprovalResponse({ id: waiting.approval.id, approved: true });
    await check(2);
    assert.equal(chat.messages[1]?.parts.at(-1)?.type, "text");
    assert.equal(network.asked.filter((call) => !call.startsWith("GET")).length, 1);

    await chat.sendMessage({ text: "Thanks" });
    await check(4);
  });
}

test("every kind of part comes back equal, and what Parley would refuse too", async () => {
  const { parley } = newcomer();
  /** @type {any} */
  let deep = 1;
  for (let level = 60; level; level--) deep = { deep };
  const messages = /** @type {import("ai").UIMessage[]} */ ([
    said("u1", "Hello"),
    {
      id: "a1",
      metadata: { logprobs: "x".repeat(100_000), "10": 1, "2": [1.5, null] },
      role: "assistant",
      parts: [
        { type: "step-start" },
        { type: "reasoning", text: "Hm.", providerMetadata: { anthropic: { signature: "s" } } },
        { type: "dynamic-tool", toolName: "write", toolCallId: "c1", state: "output-available", input: { text: "y".repeat(100_000) }, output: deep },
        { type: "tool-big", toolCallId: "c2", state: "output-error", input: { n: 2 ** 60 }, errorText: "too large" },
        { type: "file", mediaType: "image/png", url: `data:image/png;base64,${"A".repeat(400_000)}` },
        { type: "source-url", sourceId: "s1", url: "https://parley.example/" },
        { type: "data-weather", id: "d1", data: { "10": "b", "9": -0.5 } },
        { type: "text", text: "half an emoji: \ud83d", state: "done" },
        { type: "text", text: "The end 🎈" },
      ],
    },
    { id: "u2", role: "user", parts: [] },
  ]);

  await saveChat(parley, { chatId: "c", messages });

  assertSameJson(await loadChat(parley, "c"), messages);
});

test("people, search and a model read what was said and what tools did", async () => {
  const { parley } = newcomer();
  const tool = { type: "tool-weather", toolCallId: "c1", state: "output-available", input: { city: "Bern" }, output: { words: "drizzle" } };
  const messages = [said("u1", "Which weather?"), { id: "a1", role: "assistant", parts: [tool, { type: "text", text: "It rains." }] }];

  await saveChat(parley, { chatId: "c", messages: /** @type {import("ai").UIMessage[]} */ (messages) });

  const forModel = await parley.listMessages("c", { format: "openai" });
  assert.deepEqual(forModel.map(({ role }) => role), ["user", "assistant", "tool", "assistant"]);
  assert.equal((await all(parley.searchAll("drizzle"))).length, 1);
  assert.equal((await all(parley.searchAll("it rains"))).length, 1);
});

test("any chat id is one chat, and messages without an id of their own or with the same one are kept apart", async () => {
  const { parley } = newcomer();
  const messages = [said("", "yes", "user"), said("", "and?"), said("", "yes", "user"), said("m", "1"), said("m", "2"), said("a b", "3")];

  for (const chatId of ["user:42", "a/b", "conv 1", "über", "_x", "x".repeat(65), "..", ""]) {
    await saveChat(parley, { chatId, messages });
    assertSameJson(await loadChat(parley, chatId), messages);
  }
  const sessions = await all(parley.sessions());
  assert.equal(sessions.length, 8);
  assert.ok(sessions.some(({ context }) => context.original_id === "a/b"));
  assert.equal(sessions.find(({ context }) => context.original_id === "user:42").id, "x-6ec0000eb7b229a9c55e9ce6b6d15512");
});

test("a chat that nobody has saved is empty, and one whose store fails is an error", async () => {
  const { parley } = newcomer();

  assert.deepEqual(await loadChat(parley, "c"), []);
  await assert.rejects(loadChat(new Parley({ baseUrl: url }), "c"), { status: 400 });
});

test("with what was loaded, messages are edited, taken away and made anew in one request each", async () => {
  const { parley, network } = newcomer();
  let saved = await saveChat(parley, { chatId: "c", messages: [said("u1", "1"), said("a1", "2"), said("u2", "3"), said("a2", "4")] });
  const steps = [
    [said("u1", "1"), said("a1", "2"), said("u2", "3"), said("a3", "again")],
    [said("u1", "edited"), said("a4", "2")],
    [said("u1", "edited")],
    [said("u1", "edited"), said("a5", "5"), said("u3", "6")],
    [{ ...said("u1", "edited"), metadata: { liked: true } }, said("a5", "5"), said("u3", "6")],
    [],
    [said("u9", "9")],
  ];

  for (const messages of steps) {
    network.asked.length = 0;
    saved = await saveChat(parley, { chatId: "c", messages, previous: saved });
    assert.equal(network.asked.length, 1);
    assertSameJson(await loadChat(parley, "c"), messages);
  }
  await assert.rejects(saveChat(parley, { chatId: "c", messages: [], previous: [...saved] }), TypeError);
});

test("without it, a list may grow, and its newest reply be made anew", async () => {
  const { parley } = newcomer();
  const steps = [
    [said("u1", "1")],
    [said("u1", "1"), said("a1", "2")],
    [said("u1", "1"), said("a1", "2, grown")],
    [said("u1", "1"), said("a2", "again"), said("u2", "3"), said("a3", "4")],
    [{ ...said("u1", "1"), metadata: { n: 1 } }, { ...said("a2", "again"), metadata: { n: 2 } }, said("u2", "3"), said("a3", "4")],
  ];

  for (const messages of steps) {
    await saveChat(parley, { chatId: "c", messages });
    assertSameJson(await loadChat(parley, "c"), messages);
  }
});

test("nothing of another writer is lost: the later one is told, with and without what was loaded", async () => {
  const { parley } = newcomer();
  const begun = await saveChat(parley, { chatId: "c", messages: [said("u1", "1"), said("a1", "2")] });
  const others = [...begun, said("u2", "by another")];
  await saveChat(parley, { chatId: "c", messages: others });

  for (const mine of [[...begun, said("u3", "mine")], [said("u1", "edited")], []]) {
    for (const previous of [begun, undefined]) {
      await assert.rejects(saveChat(parley, { chatId: "c", messages: mine, previous }), { name: "ParleyError", status: 412 });
    }
  }
  assertSameJson(await loadChat(parley, "c"), others);
  const empty = await loadChat(parley, "d");
  await saveChat(parley, { chatId: "d", messages: others });
  await assert.rejects(saveChat(parley, { chatId: "d", messages: begun, previous: empty }), { status: 412 });
});

test("eight writers who save at once leave one whole list", async () => {
  const { parley } = newcomer();
  const lists = Array.from({ length: 8 }, (_, n) => [said(`u${n}`, `${n}`), said(`a${n}`, `${n}`)]);

  const outcomes = await Promise.allSettled(lists.map((messages) => saveChat(parley, { chatId: "c", messages })));

  const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  assertSameJson(await loadChat(parley, "c"), lists[winner]);
});

test("a save whose answer is lost is a save", async () => {
  const { parley, network } = newcomer();
  const steps = [
    [said("u1", "1")],
    [said("u1", "1"), said("a1", "2")],
    [said("u1", "1"), said("a1", "2, grown")],
    [said("u1", "1"), said("a2", "again"), said("u2", "3")],
    [said("u1", "1")],
  ];

  let saved = await loadChat(parley, "c");
  for (const messages of steps) {
    network.lose = 1;
    saved = await saveChat(parley, { chatId: "c", messages, previous: saved });
    assertSameJson(await loadChat(parley, "c"), messages);
  }
});

test("a long chat is saved and loaded whole, and costs no more for being long", async () => {
  const { parley, network } = newcomer();
  const messages = Array.from({ length: 450 }, (_, n) => said(n % 2 ? `a${n}` : `u${n}`, `${n}`));
  await saveChat(parley, { chatId: "c", messages });
  messages.push(said("u-new", "new"));

  network.asked.length = 0;
  await saveChat(parley, { chatId: "c", messages });

  assert.deepEqual(network.asked, ["GET", "POST messages"]);
  assertSameJson(await loadChat(parley, "c"), messages);
});

test("an archived chat that goes on is restored", async () => {
  const { parley } = newcomer();
  const begun = await saveChat(parley, { chatId: "c", messages: [said("u1", "1")] });
  await parley.archiveSession("c");

  const saved = await saveChat(parley, { chatId: "c", messages: [...begun, said("a1", "2")] });
  await parley.archiveSession("c");
  const previous = await loadChat(parley, "c");
  await saveChat(parley, { chatId: "c", messages: [...saved, said("u2", "3")], previous });

  assert.equal((await loadChat(parley, "c")).length, 3);
});

test("what others stored in the session is read by what it says, and kept where it is", async () => {
  const { parley } = newcomer();
  const call = { id: "c1", type: "function", function: { name: "f", arguments: "{}" } };
  const { messages } = await parley.appendAnywhere({
    session_id: "c",
    messages: [
      { role: "developer", content: "Be short." },
      { role: "user", content: [{ type: "text", text: "Hello" }] },
      { role: "assistant", content: null, function_calls: [call] },
      { role: "tool", content: "21", tool_call_id: "c1", raw: "not JSON" },
    ],
  });
  await parley.redactMessage("c", messages[1]?.id ?? "");

  const loaded = await loadChat(parley, "c");
  await saveChat(parley, { chatId: "c", messages: [...loaded, said("u5", "And?")], previous: loaded });

  assert.deepEqual(loaded.map(({ role, parts }) => [role, parts.length]), [["system", 1], ["user", 0], ["assistant", 0], ["assistant", 1]]);
  const after = (await parley.getSession("c")).messages;
  assert.deepEqual(after.slice(0, 4).map(({ role }) => role), ["developer", "user", "assistant", "tool"]);
  assert.equal(after.length, 5);
  assert.equal(answerOf(await parley.getSession("c")).status, 200);
});

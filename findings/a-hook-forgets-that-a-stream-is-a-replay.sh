#!/usr/bin/env bash
# @ai-sdk/react 3.0.328 with ai 6.0.325, React 19.3.1; against it, @ai-sdk/react 4.0.177 with ai 7.0.173.
#
# Expected: a chat that lost its connection shows each word once after `resumeStream()`. The documentation of both
#           ("Chatbot Resume Streams") says that `DefaultChatTransport` takes resumed streams for full replays by
#           default, empties the interrupted reply at the first `start`, and so prevents duplicate text.
# Seen:     of 3.0.328, `useChat({ transport })` shows "One One two" for "One two": the part that broke off, and then
#           the whole one. The hook hands its `Chat` an object of its own, with `sendMessages` and `reconnectToStream`
#           of the transport and without `resumeStreamIsReplay`, which `Chat` reads: no transport can set it, and
#           nothing is said. `useChat({ chat })` of a `Chat` with the same transport shows "One two", as both do of
#           4.0.177, whose object passes the property on (since 4.0.141, says its changelog).
#
# The connection ends with TypeError("network error"), as in Chrome: of TypeErrors, `Chat` takes those that say "fetch"
# or "network" for a lost connection, and keeps the reply so far. (4.0.177 asks for Node.js 22, and runs here with 20.)
#
# Installs the pinned packages in a temporary folder, answers in the place of `fetch`, and fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/probe.mjs" <<'JAVASCRIPT'
import { Chat, useChat } from "@ai-sdk/react";
import { createUIMessageStreamResponse, DefaultChatTransport } from "ai";
import { Window } from "happy-dom";
import { createElement } from "react";

globalThis.window = new Window();
globalThis.document = window.document;
globalThis.navigator ??= window.navigator;
const { createRoot } = await import("react-dom/client");

const [version, ...expected] = process.argv.slice(2);
const REPLY = [
  { type: "start", messageId: "reply" },
  { type: "text-start", id: "text" },
  { type: "text-delta", id: "text", delta: "One " },
  { type: "text-delta", id: "text", delta: "two" },
  { type: "text-end", id: "text" },
  { type: "finish" },
];

/** Answers a message with the first half of the reply, and a request for its stream with all of it. */
function service() {
  let connection;
  const fetch = async (url, { method = "GET" } = {}) => {
    const start = (controller) => {
      const whole = method === "GET" && url === "/api/chat/chat/stream";
      for (const chunk of whole ? REPLY : REPLY.slice(0, 3)) controller.enqueue(chunk);
      if (whole) controller.close();
      else connection = controller;
    };
    return createUIMessageStreamResponse({ stream: new ReadableStream({ start }) });
  };
  return { fetch, breakOff: () => connection.error(new TypeError("network error")) };
}

/** Returns the text of the reply that a page shows after its stream broke off and was resumed. */
async function resumed(optionsWith) {
  const { fetch, breakOff } = service();
  const options = optionsWith(new DefaultChatTransport({ fetch, resumeStreamIsReplay: true }));
  let chat;
  const page = document.createElement("div");
  const Page = () => {
    chat = useChat(options);
    return chat.messages.at(-1)?.parts.map((part) => part.text).join("");
  };
  const until = async (condition) => {
    for (let tries = 0; !condition(); tries += 1) {
      if (tries === 200) throw new Error(`not so in time: ${condition}, with "${page.textContent}", ${chat?.status}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  createRoot(page).render(createElement(Page));
  await until(() => chat?.status === "ready");
  chat.sendMessage({ text: "Count." });
  await until(() => page.textContent === "One ");
  breakOff();
  await until(() => chat.status === "error" && chat.error.message === "network error");
  await chat.resumeStream();
  await until(() => chat.status === "ready");
  return page.textContent;
}

const seen = [
  await resumed((transport) => ({ id: "chat", transport })),
  await resumed((transport) => ({ chat: new Chat({ id: "chat", transport }) })),
];
console.log(`${version}: useChat({ transport }) shows "${seen[0]}", useChat({ chat }) shows "${seen[1]}"`);
if (seen.join() !== expected.join()) {
  console.error("@ai-sdk/react behaves differently now");
  process.exit(1);
}
process.exit(0);
JAVASCRIPT

probe() { # @ai-sdk/react, ai, and the text expected of each way
  mkdir "$folder/$1"
  cp "$folder/probe.mjs" "$folder/$1"
  npm install --prefix "$folder/$1" --silent --no-audit --no-fund --ignore-scripts \
    "@ai-sdk/react@$1" "ai@$2" react@19.3.1 react-dom@19.3.1 happy-dom@21.0.4
  node "$folder/$1/probe.mjs" "$1" "${@:3}"
}
probe 3.0.328 6.0.325 "One One two" "One two"
probe 4.0.177 7.0.173 "One two" "One two"

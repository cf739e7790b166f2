/** A page with the AI SDK's `useChat`, drawn by React into a document without a browser. */

import { window } from "./window.js";

import { useChat } from "@ai-sdk/react";
import { StrictMode, createElement, useEffect } from "react";
import { createRoot } from "react-dom/client";

/** @import { UseChatOptions } from "@ai-sdk/react" */
/** @import { UIMessage } from "ai" */

/**
 * Opens a page with a chat; `isStrict` as in development, where React sets every component up twice.
 *
 * @param {UseChatOptions<UIMessage>} options
 * @param {{ isStrict?: boolean }} [how]
 */
export function openPage(options, { isStrict = false } = {}) {
  const place = window.document.createElement("main");
  const root = createRoot(/** @type {any} */ (place));
  const page = {
    chat: /** @type {ReturnType<typeof useChat<UIMessage>>} */ (/** @type {unknown} */ (null)),
    isSetUp: false,
    /** What is to be read on the page. */
    get texts() {
      return [...place.querySelectorAll("li")].map((line) => line.textContent);
    },
    /** Leaves the page. */
    close: () => root.unmount(),
  };
  function Page() {
    page.chat = useChat(options);
    useEffect(() => void (page.isSetUp = true), []); // before, setting up twice would stop what is said
    return createElement("ul", null, page.chat.messages.map((message) => createElement("li", { key: message.id }, textOf(message))));
  }
  root.render(isStrict ? createElement(StrictMode, null, createElement(Page)) : createElement(Page));
  return page;
}

/** @param {{ parts: { type: string, text?: string }[] }} message */
export const textOf = ({ parts }) => parts.map((part) => (part.type === "text" ? part.text : "")).join("");

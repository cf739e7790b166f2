/** The AI SDK's chat as a page has it. */

import { AbstractChat } from "ai";

/** The AI SDK's chat of a page, without a page. @extends {AbstractChat<import("ai").UIMessage>} */
export class PageChat extends AbstractChat {
  /** @param {import("ai").ChatInit<import("ai").UIMessage>} init */
  constructor({ messages = [], ...init }) {
    const state = {
      status: /** @type {const} */ ("ready"),
      error: undefined,
      messages,
      pushMessage: (/** @type {import("ai").UIMessage} */ message) => void (state.messages = [...state.messages, message]),
      popMessage: () => void (state.messages = state.messages.slice(0, -1)),
      replaceMessage: (/** @type {number} */ index, /** @type {import("ai").UIMessage} */ message) =>
        void (state.messages = state.messages.map((each, place) => (place === index ? structuredClone(message) : each))),
      snapshot: (/** @type {any} */ thing) => structuredClone(thing),
    };
    super({ ...init, state });
  }
}

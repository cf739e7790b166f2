/**
 * The turns of Parley as a `ChatTransport` of the AI SDK (`ai`), for its `useChat`: the page asks Parley itself.
 *
 *     useChat({ id, messages: await loadChat(parley, id), transport: new ParleyChatTransport({ parley }) })
 */

import { chunksOf, streamOf } from "./ai-sdk-chunks.js";
import { hasCode, orNull } from "./conversations.js";
import { messageIdsFor, sessionIdFor } from "./names.js";
import { stored } from "./ui-messages.js";

/** @import { Chunk } from "./ai-sdk-chunks.js" */
/** @import { Parley } from "./parley.js" */
/** @import { MessageInput, TurnEvent, TurnOptions } from "./types.js" */
/** @import { ChatMessage } from "./ui-messages.js" */

/**
 * What the AI SDK asks a transport for.
 *
 * @typedef {object} Request
 * @property {"submit-message" | "regenerate-message"} trigger
 * @property {string} chatId
 * @property {string | undefined} messageId
 * @property {ChatMessage[]} messages
 * @property {AbortSignal | undefined} abortSignal
 * @property {object} [body] of the turn, such as `instructions`
 */

/** @typedef {{ sessionId: string, said: MessageInput[], options: object, signal: AbortSignal | undefined }} Asking */

/**
 * Says what is new in a chat, and streams the reply; Parley has the history, stores both, and pays for a reply once.
 *
 * An abort, which is what the chat's `stop()` does, only lets go of the stream, and the reply is stored whole; with
 * `stopOnAbort` it stops the turn, and what came so far is the reply. `options` go with every turn: `instructions`,
 * `tools`, …, as far as the deployment allows them; the `body` of a request goes before them.
 */
export class ParleyChatTransport {
  /** What `reconnectToStream` returns begins with the reply's first word. */
  resumeStreamIsReplay = true;
  #parley;
  #channel;
  #stopOnAbort;
  #options;

  /** @param {{ parley: Parley, channel?: string, stopOnAbort?: boolean, options?: TurnOptions }} settings */
  constructor({ parley, channel = "ai-sdk", stopOnAbort = false, options = {} }) {
    this.#parley = parley;
    this.#channel = channel;
    this.#stopOnAbort = stopOnAbort;
    this.#options = options;
  }

  /**
   * Takes the turn that a chat asks for; a ParleyError where it is refused.
   *
   * The newest message is said, or the outputs of the tools that it called. An edited message, and another reply to
   * one that is not the newest, take what follows away.
   *
   * @param {Request} request
   * @returns {Promise<ReadableStream<Chunk>>}
   */
  async sendMessages({ trigger, chatId, messageId, messages, abortSignal: signal, body }) {
    const newest = messages.at(-1);
    const id = messageIdsFor(messages.map((message) => message.id)).at(-1);
    if (!newest || !id) throw new TypeError("the chat has no message to answer");
    const sessionId = await sessionIdFor(chatId);
    const options = { ...this.#options, ...body };
    const isToolsTurn = newest.role === "assistant";
    const said = isToolsTurn ? await outputsIn(newest) : [{ ...stored(newest), id }];
    if (!said.length) throw new TypeError("the chat's newest message is a reply without a tool's output");
    const asking = { sessionId, said, options, signal };
    if (trigger === "submit-message" && messageId && !isToolsTurn) await this.#rewrite(asking, id);
    const events = trigger === "regenerate-message" ? this.#anew(asking, id) : this.#say(asking);
    return this.#follow(events, asking, { isContinued: isToolsTurn });
  }

  /**
   * Joins the turn that is being made in a chat, from its first word; null where none is.
   *
   * @param {{ chatId: string, abortSignal?: AbortSignal }} request
   * @returns {Promise<ReadableStream<Chunk> | null>}
   */
  async reconnectToStream({ chatId, abortSignal: signal }) {
    const sessionId = await sessionIdFor(chatId);
    const session = await orNull(this.#parley.getSession(sessionId, { limit: 1, signal }));
    const newest = session?.messages[0];
    if (!newest || newest.role === "assistant") return null;
    const { state } = await this.#parley.getTurn(sessionId, newest.id, { signal });
    if (state !== "running") return null;
    const asking = { sessionId, said: [newest], options: {}, signal };
    return this.#follow(this.#parley.joinTurn(sessionId, newest.id, { signal }), asking, { isContinued: false });
  }

  /** @param {Asking} asking */
  #say({ sessionId, said, options, signal }) {
    const body = { ...options, session_id: sessionId, channel: this.#channel, messages: said };
    return this.#parley.takeTurn(null, body, { signal });
  }

  /**
   * Yields another reply; to a message that is not the newest after what follows it was taken away.
   *
   * @param {Asking} asking
   * @param {string} messageId
   * @returns {AsyncGenerator<TurnEvent, void, undefined>}
   */
  async *#anew(asking, messageId) {
    const { sessionId, options, signal } = asking;
    try {
      yield* this.#parley.regenerate(sessionId, messageId, { ...options, signal });
    } catch (error) {
      if (!hasCode(error, "turn_not_newest")) throw error;
      await this.#rewrite(asking, messageId);
      yield* this.#say(asking);
    }
  }

  /**
   * Puts a message in the place of the one of its id and of all that follows, in one step.
   *
   * @param {Asking} asking
   * @param {string} messageId
   */
  async #rewrite({ sessionId, said, signal }, messageId) {
    const { seq } = await this.#parley.getMessage(sessionId, messageId, { signal });
    await this.#parley.replaceTail(sessionId, seq - 1, said, { signal });
  }

  /**
   * Returns the chunks of a turn once it has begun.
   *
   * @param {AsyncGenerator<TurnEvent, void, undefined>} events
   * @param {Asking} asking
   * @param {{ isContinued: boolean }} options
   */
  async #follow(events, { sessionId, said, signal }, options) {
    const questionId = said.at(-1)?.id;
    if (this.#stopOnAbort && questionId) {
      const stop = () => void this.#parley.stopTurn(sessionId, questionId).catch(() => {}); // then it goes on
      signal?.addEventListener("abort", stop, { once: true });
    }
    const first = await events.next();
    return streamOf(chunksOf(first, events, options));
  }
}

/**
 * Returns the outputs of the tools that a reply's last step called, as messages whose ids are always the same.
 *
 * @param {ChatMessage} reply
 * @returns {Promise<MessageInput[]>}
 */
async function outputsIn({ id, parts }) {
  const begin = parts.map(({ type }) => type).lastIndexOf("step-start");
  const called = /** @type {any[]} */ (parts.slice(begin + 1)).filter(({ state }) => /^output-(available|error)$/.test(state));
  return Promise.all(
    called.map(async ({ toolCallId, output, errorText }) => {
      const said = output === undefined ? (errorText ?? "") : output;
      const content = typeof said === "string" ? said : JSON.stringify(said);
      return { id: await sessionIdFor(`${id} ${toolCallId}`), role: "tool", tool_call_id: toolCallId, content };
    }),
  );
}

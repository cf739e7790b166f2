/**
 * A LangChain chat history that is a Parley session.
 *
 *     const history = new ParleyChatMessageHistory({ parley, sessionId: "conversation 42" });
 *     await history.addMessages([new HumanMessage("Hello!"), new AIMessage("Hello, Alice.")]);
 *
 * Refusals are ParleyError. `RunnableWithMessageHistory` turns any error of any history into a warning and goes on
 * without memory: where that matters, call `addMessages` yourself.
 */

import { BaseListChatMessageHistory } from "@langchain/core/chat_history";

import { answerOf } from "./answers.js";
import { batchesOf } from "./batches.js";
import { create, hasCode, orNull, restoring } from "./conversations.js";
import { named } from "./ids.js";
import { loaded, stored } from "./langchain-messages.js";
import { sessionIdFor } from "./names.js";
import { isRedacted } from "./native.js";

export { sessionIdFor };

/** @import { BaseMessage } from "@langchain/core/messages" */
/** @import { Place } from "./conversations.js" */
/** @import { Parley } from "./parley.js" */
/** @import { Appended, Message, MessageInput } from "./types.js" */

const PAGE = 200;

/** Keeps one conversation; its id may be any text. */
export class ParleyChatMessageHistory extends BaseListChatMessageHistory {
  lc_namespace = ["parley_client", "langchain"];
  #parley;
  #conversationId;
  #channel;

  /** @param {{ parley: Parley, sessionId: string, channel?: string }} fields */
  constructor({ parley, sessionId, channel = "langchain" }) {
    super();
    this.#parley = parley;
    this.#conversationId = sessionId;
    this.#channel = channel;
  }

  /**
   * Returns all messages, oldest first; none where there is no such session.
   *
   * @returns {Promise<BaseMessage[]>}
   */
  async getMessages() {
    const found = await orNull(allOf(await this.#place()));
    return (found ?? []).filter((message) => !isRedacted(message)).map(loaded);
  }

  /**
   * Adds a message.
   *
   * @param {BaseMessage} message
   */
  async addMessage(message) {
    await this.addMessages([message]);
  }

  /**
   * Adds messages in one request, all or none; the session is made, or restored, if need be.
   *
   * Over 200 messages or 1.2 MB go in several requests: when a later one fails, what the earlier ones stored is taken
   * back, unless somebody else has written since.
   *
   * @override
   * @param {BaseMessage[]} messages
   */
  async addMessages(messages) {
    const place = await this.#place();
    const answers = /** @type {Appended[]} */ ([]);
    for (const batch of batchesOf(messages.map((message) => named(stored(message))))) {
      try {
        answers.push(await append(place, batch));
      } catch (error) {
        await takeBack(place, answers);
        throw error;
      }
    }
  }

  /**
   * Removes all messages.
   *
   * @override
   */
  async clear() {
    const { parley, sessionId } = await this.#place();
    await orNull(parley.clearMessages(sessionId));
  }

  /** @returns {Promise<Place>} */
  async #place() {
    const conversationId = this.#conversationId;
    const sessionId = await sessionIdFor(conversationId);
    return { parley: this.#parley, conversationId, sessionId, channel: this.#channel };
  }
}

/**
 * @param {Place} place
 * @returns {Promise<Message[]>}
 */
async function allOf({ parley, sessionId }) {
  const found = [];
  for await (const message of parley.messages(sessionId, { order: "asc", limit: PAGE })) found.push(message);
  return found;
}

/**
 * Appends to the session, which is made if need be.
 *
 * @param {Place} place
 * @param {MessageInput[]} messages
 */
async function append(place, messages) {
  const { parley, conversationId, sessionId, channel } = place;
  if (sessionId === conversationId) {
    return restoring(place, null, () => parley.appendAnywhere({ session_id: sessionId, channel, messages }));
  }
  try {
    return await restoring(place, null, () => parley.appendMessages(sessionId, messages));
  } catch (error) {
    if (!hasCode(error, "session_not_found")) throw error;
  }
  await create(place).catch((error) => {
    if (error.status !== 412) throw error; // somebody else was faster
  });
  return parley.appendMessages(sessionId, messages);
}

/**
 * Takes back what was stored of a list that could not be stored whole, unless somebody has written since.
 *
 * @param {Place} place
 * @param {Appended[]} answers
 */
async function takeBack({ parley, sessionId }, answers) {
  const [first, last] = [answers[0]?.messages[0], answers.at(-1)];
  if (!first || !last) return;
  await parley.clearMessages(sessionId, { after: first.seq - 1, ifMatch: answerOf(last).etag }).catch(() => {});
}

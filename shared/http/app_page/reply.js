/** The reply to what was said: shown while it is made, stopped, and taken up again after a reload. */

import { announce, button, h } from "./dom.js";
import { incoming, textOf } from "./message.js";
import { explain, faultOf } from "./words.js";

const RUNNING = "parley.turn"; // in this tab: which turn to look for after a reload
const FRAME_MS = 80; // between two looks at what came

export class Reply {
  constructor(chat) {
    this.chat = chat;
    this.place = h("div", { class: "reply" });
    this.said = null; // the id of the message that is being answered
  }

  /** Follows a turn to its end: `start` takes a signal and returns its events. Throws what refuses it. */
  async follow(start, said) {
    this.stopping = new AbortController();
    this.said = said;
    this.chat.status.replaceChildren();
    sessionStorage.setItem(RUNNING, JSON.stringify([this.chat.id, said]));
    try {
      for await (const event of start(this.stopping.signal)) this.#take(event);
    } catch (error) {
      if (!this.stopping.signal.aborted) throw error;
    } finally {
      this.said = null;
      this.#clear();
      if (!this.chat.isClosed) sessionStorage.removeItem(RUNNING);
    }
  }

  #take({ type, data }) {
    const { chat } = this;
    chat.app.replies = true;
    if (chat.isClosed) return;
    if (type === "turn") this.#begin(data);
    if (type === "delta") this.#grow(data.text);
    if (type === "done") this.#end(data);
    if (type === "error") this.fail(faultOf(data), this.said);
  }

  #begin({ messages = [] }) {
    if (messages.length) this.chat.stored({ messages });
    this.text = "";
    this.shown = incoming();
    this.place.replaceChildren(this.shown.element);
    this.chat.composer.replying(true);
  }

  #grow(text) {
    this.text += text;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.shown?.say(this.text);
    }, FRAME_MS);
  }

  #end({ messages = [], reply, message_count: total }) {
    this.#clear();
    this.chat.stored({ messages: [...messages, reply].filter(Boolean), message_count: total });
    if (reply) announce(`The assistant answered: ${textOf(reply)}`);
  }

  /** Takes away what was shown of a reply that is stored now. */
  take(added) {
    if (added.some(({ role }) => role === "assistant")) this.#clear();
  }

  #clear() {
    clearTimeout(this.timer);
    this.timer = null;
    this.shown = null;
    this.place.replaceChildren();
    this.chat.composer.replying(false);
  }

  /** Shows that no reply came, with a button to ask again. */
  fail(text, said) {
    this.#clear();
    const again = button("Ask again", { run: () => this.chat.answer(said) });
    const fault = h("div", { class: "banner fault", role: "alert" }, h("p", {}, `No reply. ${text}`), again);
    this.chat.status.replaceChildren(fault);
    fault.scrollIntoView({ block: "nearest" });
  }

  /** Stops the reply; what came so far is kept as it. */
  async stop() {
    const said = this.said;
    if (!said) return;
    await this.chat.attempt(() => this.chat.parley.stopTurn(this.chat.id, said));
  }

  /** Leaves the stream to itself: the reply is made all the same. */
  leave() {
    this.stopping?.abort();
  }

  /** Takes up the reply that this tab was waiting for when it was left. */
  async rejoin(newest) {
    const [id, said] = JSON.parse(sessionStorage.getItem(RUNNING) ?? "[]");
    if (id !== this.chat.id || newest?.id !== said || this.said) return;
    try {
      await this.follow((signal) => this.chat.parley.joinTurn(id, said, { signal }), said);
    } catch (error) {
      this.fail(explain(error), said);
    }
  }
}

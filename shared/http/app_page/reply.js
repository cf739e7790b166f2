/** The reply to what was said: shown while it is made, stopped, and asked for again. */

import { announce, button, h, notice } from "./dom.js";
import { incoming, textOf } from "./message.js";
import { faultOf } from "./words.js";

const FRAME_MS = 80; // between two looks at what came

export class Reply {
  constructor(chat) {
    this.chat = chat;
    this.place = h("div", { class: "reply" });
    this.said = null; // the id of the message that is being answered
    this.sought = null; // the id of a message without a reply, as far as it is known
  }

  /** Follows a turn to its end: `start` takes a signal and returns its events. Throws what refuses it. */
  async follow(start, said) {
    this.stopping = new AbortController();
    this.said = said;
    this.#forget();
    try {
      for await (const event of start(this.stopping.signal)) this.#take(event);
    } catch (error) {
      if (!this.stopping.signal.aborted) throw error;
    } finally {
      this.said = null;
      this.#clear();
    }
  }

  #take({ type, data }) {
    if (this.chat.isClosed) return;
    if (type === "turn") this.#begin(data);
    if (type === "delta") this.#grow(data.text);
    if (type === "done") this.#end(data);
    if (type === "error") this.#refused(faultOf(data));
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

  #refused(text) {
    if (this.chat.question?.id === this.said) this.fail(text, this.said);
    else notice(`No other reply. ${text}`, { fault: true }); // the first is kept
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
    this.#offer(`No reply. ${text}`, said, { class: "banner fault", role: "alert" });
    this.banner.scrollIntoView({ block: "nearest" });
  }

  /** Sees to the newest message if it has no reply: one that is made elsewhere is shown, and where nobody makes one it can be asked for. */
  async seek() {
    const { chat } = this;
    const id = chat.question?.id ?? null;
    if (this.sought !== id) this.#forget();
    if (!id || this.said || this.sought) return;
    this.sought = id;
    const { state } = await chat.parley.getTurn(chat.id, id).catch(() => ({ state: "none" }));
    if (this.said || this.banner || chat.isClosed || chat.question?.id !== id) return;
    if (state === "running") await chat.answer(id, { joins: true });
    if (state === "none") this.#offer("No reply yet.", id, { class: "banner", role: "status" });
  }

  #offer(text, said, attributes) {
    this.#forget();
    this.sought = said;
    this.banner = h("div", attributes, h("p", {}, text), button("Ask again", { run: () => this.chat.answer(said) }));
    this.chat.status.replaceChildren(this.banner);
  }

  #forget() {
    this.sought = null;
    this.banner?.remove();
    this.banner = null;
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
}

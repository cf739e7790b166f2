/** What a shared link shows to whoever has it. */

import { h } from "./dom.js";
import { messageElement } from "./message.js";
import { MessageList } from "./message-list.js";
import { explain } from "./words.js";

export class Reader {
  #seq = 0;

  constructor(parley, token) {
    this.parley = parley;
    this.token = token;
    this.list = new MessageList((message, previous) => messageElement(message, { previous }), { nearEnd: () => this.#more() });
    this.note = h("div", { role: "status" });
    this.list.tail.append(this.note);
    this.name = h("h1", { tabindex: -1, dir: "auto" }, "Shared conversation");
    const about = h("p", { class: "facts" }, "Shared to read. Nobody sees who you are.");
    this.element = h("main", { class: "chat reader" }, h("header", { class: "head" }, h("div", { class: "title" }, this.name, about)), this.list.element);
  }

  async open() {
    await this.#more();
  }

  async #more() {
    if (this.isReading || this.isOver) return;
    this.isReading = true;
    try {
      const page = await this.parley.viewShare(this.token, { cursor: this.cursor, limit: 100 });
      this.#take(page);
    } catch (error) {
      this.isOver = true;
      const isGone = error.status === 404;
      this.note.replaceChildren(h("p", { class: "banner" }, isGone ? "This link does not work. It may have been revoked, or it has ended." : explain(error)));
    }
    this.isReading = false;
  }

  #take({ session_name: name, messages, has_more: hasMore, next_cursor: cursor }) {
    const isFirst = this.#seq === 0;
    this.name.textContent = name || "Shared conversation";
    document.title = `${this.name.textContent} · Parley`;
    this.cursor = cursor;
    this.isOver = !hasMore;
    this.list.append(messages.map((message) => ({ ...message, seq: ++this.#seq })));
    if (isFirst) this.list.element.scrollTop = 0;
    if (isFirst && !messages.length && !hasMore) this.note.replaceChildren(h("p", { class: "note" }, "There is nothing in it."));
  }
}

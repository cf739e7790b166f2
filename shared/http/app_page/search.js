/** Messages that hold a text, wherever they were said. */

import { button, h } from "./dom.js";
import { choice, field } from "./dialogs.js";
import { speaker } from "./message.js";
import { explain, shortTime, wholeTime } from "./words.js";

const PAGE = 20;
const PAGES_AT_ONCE = 5;
const ROLES = [["", "anybody"], ["user", "you"], ["assistant", "the assistant"], ["system", "system"], ["tool", "tools"]];

export class Search {
  constructor(app, text) {
    this.app = app;
    this.text = text;
    this.title = `Search: ${text}`;
    this.filters = {};
    this.hits = h("ol", { class: "hits" });
    this.note = h("p", { role: "status" });
    this.next = button("More", { run: () => this.#read() });
    this.next.hidden = true;
    const form = h("form", { class: "filters", onsubmit: (event) => event.preventDefault() }, choice("Said by", "role", ROLES, ""), field("Channel", { name: "channel", maxlength: 64 }));
    form.addEventListener("change", () => this.#filtered(new FormData(form)));
    const head = h("h1", { tabindex: -1 }, "Messages with ", h("q", { dir: "auto" }, text));
    this.element = h("div", { class: "view" }, this.app.backLink(), head, form, this.hits, this.note, this.next);
  }

  async open() {
    await this.#read();
  }

  close() {
    this.isClosed = true;
  }

  #filtered(said) {
    this.filters = { role: said.get("role") || undefined, channel: said.get("channel").trim() || undefined };
    this.hits.replaceChildren();
    this.cursor = null;
    this.#read();
  }

  async #read() {
    this.note.textContent = "Searching …";
    const filters = this.filters;
    try {
      for (let pages = 0, found = 0; pages < PAGES_AT_ONCE && !found; pages++) {
        const page = await this.app.parley.search(this.text, { ...filters, limit: PAGE, cursor: this.cursor });
        if (this.isClosed || filters !== this.filters) return;
        this.hits.append(...page.data.map((hit) => this.#hit(hit)));
        this.cursor = page.has_more ? page.next_cursor : null;
        found = page.data.length || !this.cursor;
      }
      const total = this.hits.children.length;
      this.note.textContent = total ? `${total}${this.cursor ? " so far" : ""} found.` : this.cursor ? "Nothing so far." : "Nothing found.";
    } catch (error) {
      this.note.textContent = explain(error);
      this.app.refused(error);
    }
    this.next.hidden = !this.cursor;
  }

  #hit({ session_id: id, session_name: name, message, snippet }) {
    const said = snippet.map(({ text, hit }) => (hit ? h("mark", {}, text) : text));
    const head = h("span", { class: "where" }, h("strong", {}, h("bdi", {}, name || "Untitled")), " · ", h("bdi", {}, speaker(message)), " · ", h("time", { datetime: message.created_at, title: wholeTime(message.created_at) }, shortTime(message.created_at)));
    return h("li", {}, h("a", { href: `#/s/${id}/${message.seq}` }, head, h("span", { class: "snippet", dir: "auto" }, said)));
  }
}

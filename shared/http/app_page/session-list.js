/** The sessions of a user: found by name, filtered, scrolled without end; only rows near what is seen have elements. */

import { button, h, icon } from "./dom.js";
import { choice, field } from "./dialogs.js";
import { counted, expiry, explain, shortTime, wholeTime } from "./words.js";

const PAGE = 50;
const MARGIN = 8; // rows above and below what is seen
const PAGES_AT_ONCE = 5; // a filtered page may be empty though more follow
const PAUSE_MS = 250; // after the last key, before names are looked for

export class SessionList {
  #rows = new Map();
  #turn = 0;

  constructor(app) {
    this.app = app;
    this.sessions = [];
    this.filters = { status: "active" };
    this.chosen = null;
    this.search = h("input", {
      type: "search",
      placeholder: "Find conversations",
      "aria-label": "Find conversations by name",
      maxlength: 200,
      dir: "auto",
      oninput: () => this.#typed(),
      onkeydown: (event) => event.key === "Enter" && this.#searchMessages(),
    });
    this.inMessages = button("Search in all messages", { icon: "search", text: true, class: "button wide", run: () => this.#searchMessages() });
    this.inMessages.hidden = true;
    this.list = h("ul", { class: "rows" });
    this.note = h("div", { class: "list-note" });
    this.scroller = h("div", { class: "scroller", onscroll: () => this.#draw() }, this.list, this.note);
    this.element = h("div", { class: "sessions" }, this.#finder(), this.scroller);
    this.watcher = new ResizeObserver(() => this.#draw());
    this.watcher.observe(this.scroller);
  }

  /** Reads the list anew; what was there stays until the answer comes. */
  async refresh() {
    const turn = ++this.#turn;
    try {
      const { found, cursor } = await this.#read(null, Math.max(PAGE, Math.min(100, this.sessions.length)));
      if (turn !== this.#turn) return;
      Object.assign(this, { sessions: found, cursor, fault: null });
    } catch (error) {
      if (turn !== this.#turn) return;
      this.fault = error;
      this.app.refused(error);
    }
    this.hasRead = true;
    this.#draw();
  }

  /** Shows a session as it is now; one with new messages moves to the top. */
  changed(session) {
    if (!session) return;
    const before = this.sessions.findIndex(({ id }) => id === session.id);
    if (before < 0 && (!this.#shows(session) || this.filters.name || this.filters.tag)) return;
    const others = this.sessions.filter(({ id }) => id !== session.id);
    const place = others.findIndex((each) => each.last_activity_at <= session.last_activity_at);
    if (this.#shows(session)) others.splice(place < 0 ? others.length : place, 0, session);
    this.sessions = others;
    this.#draw();
  }

  remove(id) {
    this.sessions = this.sessions.filter((session) => session.id !== id);
    this.#draw();
  }

  /** Returns the session of this id if it is listed. */
  named(id) {
    return this.sessions.find((session) => session.id === id);
  }

  choose(id) {
    this.chosen = id;
    this.#draw();
  }

  #shows({ status, channel }) {
    const { status: wanted = "active", channel: inChannel } = this.filters;
    return (wanted === "all" || wanted === status) && (!inChannel || inChannel === channel);
  }

  #finder() {
    const status = choice("Show", "status", [["active", "active"], ["archived", "archived"], ["all", "all"]], "active");
    const channel = field("Channel", { name: "channel", maxlength: 64 });
    const tag = field("Tag", { name: "tag", maxlength: 64 });
    const pinned = h("p", { class: "check" }, h("label", {}, h("input", { type: "checkbox", name: "pinned" }), " pinned only"));
    const form = h("form", { class: "filters", onsubmit: (event) => event.preventDefault() }, status, channel, tag, pinned);
    form.addEventListener("change", () => this.#filtered(new FormData(form)));
    const filters = h("details", {}, h("summary", { "aria-label": "Filters", title: "Filters" }, icon("filter")), form);
    return h("search", { class: "finder" }, this.search, filters, this.inMessages);
  }

  #filtered(said) {
    const [channel, tag, pinned] = ["channel", "tag", "pinned"].map((name) => said.get(name)?.trim() || undefined);
    this.filters = { ...this.filters, status: said.get("status"), channel, tag, pinned: pinned && true };
    this.#startOver();
  }

  #typed() {
    const text = this.search.value.trim();
    this.inMessages.hidden = !text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.filters = { ...this.filters, name: text || undefined };
      this.#startOver();
    }, PAUSE_MS);
  }

  #searchMessages() {
    const text = this.search.value.trim();
    if (text) this.app.go(`#/search/${encodeURIComponent(text)}`);
  }

  async #startOver() {
    this.scroller.scrollTop = 0;
    this.sessions = [];
    await this.refresh();
    this.note.setAttribute("role", "status");
  }

  async #read(cursor, limit = PAGE) {
    const found = [];
    for (let pages = 0; pages < PAGES_AT_ONCE; pages++) {
      const page = await this.app.parley.listSessions({ ...this.filters, limit, cursor });
      found.push(...page.data);
      cursor = page.has_more ? page.next_cursor : null;
      if (!cursor || found.length >= limit / 2) break;
    }
    return { found, cursor };
  }

  async #more() {
    if (!this.cursor || this.isReading) return;
    const [turn, cursor] = [this.#turn, this.cursor];
    this.isReading = true;
    try {
      const { found, cursor: next } = await this.#read(cursor);
      if (turn === this.#turn) {
        const known = new Set(this.sessions.map(({ id }) => id)); // one may have moved up meanwhile
        this.sessions.push(...found.filter(({ id }) => !known.has(id)));
        this.cursor = next;
      }
    } catch (error) {
      this.fault = error;
      this.cursor = null;
    } finally {
      this.isReading = false;
    }
    this.#draw();
  }

  #draw() {
    const height = Number.parseFloat(getComputedStyle(this.list).getPropertyValue("--row")) * rem();
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / height) - MARGIN);
    const last = Math.min(this.sessions.length, Math.ceil((scrollTop + clientHeight) / height) + MARGIN);
    this.list.style.setProperty("height", `${this.sessions.length * height}px`);
    const shown = new Map();
    for (let at = first; at < last; at++) shown.set(this.sessions[at].id, this.#row(this.sessions[at], at, height));
    for (const [id, row] of this.#rows) if (!shown.has(id)) row.element.remove();
    this.#rows = shown;
    this.#arrange([...shown.values()].map(({ element }) => element));
    this.#drawNote();
    if (last > this.sessions.length - 2 * MARGIN) this.#more();
  }

  /** Puts the rows in their order without touching those that are there: the keyboard may be on one. */
  #arrange(elements) {
    elements.forEach((element, at) => {
      if (this.list.children[at] !== element) this.list.insertBefore(element, this.list.children[at] ?? null);
    });
  }

  #row(session, at, height) {
    const looks = JSON.stringify([session, session.id === this.chosen]);
    let row = this.#rows.get(session.id);
    if (!row) row = { element: h("li") };
    if (row.looks !== looks) {
      const link = row.element.firstChild;
      const fresh = this.#link(session);
      if (link) link.replaceChildren(...fresh.childNodes);
      else row.element.append(fresh);
      if (session.id === this.chosen) row.element.firstChild.setAttribute("aria-current", "page");
      else row.element.firstChild.removeAttribute("aria-current");
      row.looks = looks;
    }
    row.element.style.setProperty("top", `${at * height}px`);
    row.element.setAttribute("aria-posinset", at + 1);
    row.element.setAttribute("aria-setsize", this.cursor ? -1 : this.sessions.length);
    return row;
  }

  #link(session) {
    const { id, session_name: name, last_activity_at: time, message_count: total, tags, pinned, status } = session;
    const facts = [counted(total, "message"), status === "archived" && "archived", expiry(session)].filter(Boolean).join(" · ");
    return h(
      "a",
      { href: `#/s/${id}` },
      h("span", { class: "name" }, h("bdi", {}, name || "Untitled")),
      h("span", { class: "side" }, pinned && h("span", { class: "mark" }, icon("pin"), h("span", { class: "unseen" }, "pinned")), h("time", { datetime: time, title: wholeTime(time) }, shortTime(time))),
      h("span", { class: "facts" }, h("span", {}, facts), tags.map((tag) => h("bdi", { class: "tag" }, tag))),
    );
  }

  #drawNote() {
    const { status, ...others } = this.filters;
    const none = {
      active: "No conversations yet. Archived ones are hidden by the filter.",
      archived: "No archived conversations. Others are hidden by the filter.",
      all: "No conversations yet.",
    }[status];
    const empty = Object.values(others).some(Boolean) ? "Nothing matches. Others may be hidden by the filter." : none;
    const says = this.fault ? explain(this.fault) : this.hasRead && !this.sessions.length && !this.cursor ? empty : this.cursor || !this.hasRead ? "Loading …" : "";
    if (says && says === this.says) return;
    this.says = says;
    this.note.replaceChildren(...(says ? [h("p", {}, says)] : []));
    if (this.fault) this.note.append(button("Try again", { run: () => this.refresh() }));
  }
}

const rem = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

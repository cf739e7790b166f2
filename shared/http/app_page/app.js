/** The page: who it is for, which view its address names, and what the views share. */

import { Parley, ParleyError } from "../../../clients/javascript/src/index.js";
import { Chat } from "./chat.js";
import { button, h, icon, notice } from "./dom.js";
import { forgetDrafts } from "./drafts.js";
import * as identity from "./identity.js";
import { forgetAll } from "./outbox.js";
import { Reader } from "./reader.js";
import { Search } from "./search.js";
import { shareDialog } from "./session-actions.js";
import { SessionList } from "./session-list.js";
import { Stats } from "./stats.js";

const API = new URL("..", import.meta.url).href.replace(/\/$/, "");
const page = document.getElementById("page");
const SEQ = /^[1-9]\d{0,14}$/; // of a message that a link leads to
const narrow = matchMedia("(max-width: 46rem)"); // as the style sheet has it: the list or a view, not both

class App {
  constructor(who) {
    this.api = API;
    this.user = who.userId ?? "";
    this.parley = new Parley({ baseUrl: API, ...who });
    this.replies = document.querySelector('meta[name="replies"]').content === "yes"; // whether a model is configured
    this.sessions = new SessionList(this);
    this.main = h("main", { id: "main", tabindex: -1 });
    this.banner = h("div", { class: "offline", role: "status", hidden: true });
    this.channel = new BroadcastChannel("parley");
    this.channel.onmessage = ({ data }) => this.#heard(data);
    const skip = button("Skip to the conversation", { class: "skip", run: () => this.main.focus() });
    this.brand = h("div", {}, h("a", { class: "brand", href: "#/" }, "Parley"));
    this.side = this.#side(who);
    page.replaceChildren(skip, this.side, this.main, this.banner);
    narrow.addEventListener("change", () => this.#divide());
    window.addEventListener("hashchange", () => this.show());
    document.addEventListener("visibilitychange", () => document.hidden || this.sessions.refresh());
  }

  #side(who) {
    const foot = h(
      "div",
      { class: "foot" },
      identity.whoami(who),
      h("a", { class: "icon-button", href: "#/stats", "aria-label": "Statistics and your data", title: "Statistics and your data" }, icon("chart")),
    );
    const make = h("a", { class: "button primary", href: "#/new" }, icon("plus"), "New");
    const head = h("div", { class: "top" }, this.brand, make);
    return h("div", { class: "side", role: "navigation", "aria-label": "Conversations" }, head, this.sessions.element, foot);
  }

  /** Shows the view that the address names. */
  show() {
    const [, kind = "", first = "", second = ""] = location.hash.split("/");
    this.#divide(kind ? "main" : "list");
    this.view?.close();
    this.view = this.#view(kind, decoded(first), decoded(second));
    this.main.replaceChildren(this.view.element);
    document.title = `${this.view.title} · Parley`;
    this.sessions.choose(kind === "s" ? first : null);
    if (kind && kind !== "s" && kind !== "new") this.view.element.querySelector("h1")?.focus();
    this.view.open();
  }

  #view(kind, first, second) {
    if (kind === "s" && first) return new Chat(this, first, SEQ.test(second) ? Number(second) : null);
    if (kind === "search" && first) return new Search(this, first);
    if (kind === "stats") return new Stats(this);
    return new Chat(this, null);
  }

  /** Says which of list and view is seen where there is no room for both: that is then what the page is about. */
  #divide(pane = document.body.dataset.pane) {
    document.body.dataset.pane = pane;
    const isAll = narrow.matches && pane === "list";
    this.side.setAttribute("role", isAll ? "main" : "navigation");
    for (const [name, value] of [["role", "heading"], ["aria-level", "1"]]) {
      if (isAll) this.brand.setAttribute(name, value);
      else this.brand.removeAttribute(name);
    }
  }

  reopen() {
    this.show();
  }

  go(hash) {
    if (location.hash === hash) this.show();
    else location.hash = hash;
  }

  /** Names the view that is shown anew, without showing another. */
  rename(hash) {
    history.replaceState(null, "", hash);
    this.sessions.choose(this.view.id);
    this.#divide("main");
  }

  backLink() {
    return h("a", { class: "icon-button narrow-only", href: "#/", "aria-label": "All conversations" }, icon("back"));
  }

  share(id, seq) {
    shareDialog(this, id, seq);
  }

  /** Tells the other tabs of this browser that something about a session has changed. */
  told(id) {
    this.channel.postMessage(id);
  }

  #heard(id) {
    if (this.view.id === id) this.view.polling?.now();
    if (!document.hidden) this.sessions.refresh();
  }

  /** Shows that Parley cannot be asked, and why; with null that it can be again. What is being written stays. */
  offline(text, error) {
    const wasOffline = !this.banner.hidden;
    this.banner.hidden = !text;
    const signIn = error?.status === 401 && identity.isSignedIn && h("a", { href: identity.signInAddress() }, "Sign in");
    this.banner.replaceChildren(...[text, " ", signIn].filter(Boolean));
    if (wasOffline && !text) this.sessions.refresh();
  }

  /** Returns whether a refusal says that no model is configured any more, and remembers it. */
  noReplies(error) {
    if (error.code !== "no_responder") return false;
    this.replies = false;
    return true;
  }

  /** Says, once, that no model is configured. */
  nobodyReplies() {
    if (!this.isToldSo) notice("No model is configured here: what you say is kept, and nobody answers.");
    this.isToldSo = true;
  }

  /** Asks who it is where a refusal says that this is not known, or that a key is missing. */
  refused(error) {
    if (!(error instanceof ParleyError) || ![401, 403].includes(error.status) || this.isLeft) return;
    this.isLeft = true;
    const why = identity.isSignedIn ? "You are not signed in, or no longer." : "Parley asks for a function key, or this one is wrong.";
    start({ anew: true, fault: why });
  }

  forgetDrafts() {
    forgetAll();
    forgetDrafts();
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Shows the page, or asks first who it is for. */
function start({ anew = false, fault = null } = {}) {
  const who = identity.known();
  if (anew || !who) {
    document.title = "Parley";
    page.replaceChildren(identity.asking({ fault }));
    page.querySelector("input")?.focus();
    return;
  }
  const app = new App(who);
  app.sessions.refresh();
  app.show();
}

const shared = /\/shared\/([^/]+)\/view$/.exec(location.pathname);
if (shared) {
  const reader = new Reader(new Parley({ baseUrl: API }), decoded(shared[1]));
  page.replaceChildren(reader.element);
  reader.open();
} else start();

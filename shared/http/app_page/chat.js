/** One session: its messages, what is being said, and the reply to it. */

import { ParleyError, newId } from "../../../clients/javascript/src/index.js";
import { Composer } from "./composer.js";
import { agrees, ask, field, radios } from "./dialogs.js";
import { announce, button, copy, h, icon, notice } from "./dom.js";
import { draftOf, keepDraft } from "./drafts.js";
import { History } from "./history.js";
import { messageElement, outgoing, textOf } from "./message.js";
import { MessageList } from "./message-list.js";
import { drop, put, waiting } from "./outbox.js";
import { poll } from "./poll.js";
import { Reply } from "./reply.js";
import { sessionMenu } from "./session-actions.js";
import { expiry, explain } from "./words.js";

const NAME_CHARACTERS = 60;
const SESSION_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

export class Chat {
  /** `app` is what all views share: the client, the list, where to go. Without an id it is a session yet to be made. */
  constructor(app, id, seq = null) {
    this.app = app;
    this.parley = app.parley;
    this.isNew = id === null;
    this.id = id ?? newId();
    this.seq = seq;
    this.history = new History(this.parley, this.id);
    this.faults = new Map();
    this.list = new MessageList((message, previous) => messageElement(message, { previous, actions: this.#actions() }), {
      nearTop: () => this.#more("older"),
      nearEnd: () => this.#more("newer"),
    });
    this.place = id ?? "new"; // of what is being written
    this.composer = new Composer({
      send: (text) => this.#say(text),
      stop: () => this.reply.stop(),
      draft: draftOf(app.user, this.place),
      keep: (text) => keepDraft(app.user, this.place, text),
    });
    this.outgoing = h("div");
    this.status = h("div", { class: "status" });
    this.reply = new Reply(this);
    this.list.tail.append(this.outgoing, this.reply.place, this.status);
    this.head = h("header", { class: "head" });
    this.toNewest = button("Newest messages", { icon: "newest", text: true, class: "button to-newest", run: () => this.#goToNewest() });
    this.toNewest.hidden = true;
    this.list.element.addEventListener("scroll", () => this.#markPlace(), { passive: true });
    this.element = h("div", { class: "chat" }, this.head, this.list.element, this.toNewest, this.composer.element);
  }

  get title() {
    if (this.isNew) return "New conversation";
    const known = this.history.session ?? this.app.sessions.named(this.id);
    return known ? known.session_name || "Untitled" : (this.name ?? "Conversation");
  }

  /** Reads what there is and shows it. */
  async open() {
    this.#showHead();
    if (!this.isNew) await this.#read();
    if (this.isClosed) return;
    this.#showOutgoing();
    if (this.isNew) this.composer.focus();
    else if (this.history.session) this.#follow();
  }

  close() {
    this.isClosed = true;
    this.polling?.stop();
    this.list.close();
    this.reply.leave();
  }

  async #read() {
    this.element.setAttribute("aria-busy", "true");
    try {
      if (!SESSION_ID.test(this.id)) throw new ParleyError("not an id", { status: 404 }); // as a path it might lead elsewhere
      await this.history.open();
      if (this.seq && !this.history.messages.some(({ seq }) => seq === this.seq)) await this.history.openAround(this.seq);
    } catch (error) {
      if (error.code === "session_not_found" && this.#waiting.length) this.isNew = true;
      else return this.#showFault(error);
    } finally {
      this.element.removeAttribute("aria-busy");
    }
    if (!this.isClosed) this.#show();
  }

  #show() {
    this.list.reset(this.history.messages);
    this.#dropArrived(this.history.messages);
    this.#showHead();
    const place = this.seq && this.list.scrollTo(this.seq);
    if (place) {
      place.classList.add("found");
      place.focus({ preventScroll: true });
    } else {
      this.list.scrollToEnd();
      this.composer.focus();
    }
    this.#markPlace();
    this.reply.seek();
  }

  #follow() {
    if (!this.isClosed) this.polling ??= poll(() => this.#look());
  }

  /** The newest message where it waits for a reply that can be had, null else. */
  get question() {
    const { newest, hasNewer, session } = this.history;
    const waits = newest?.role === "user" && !newest.metadata?.redacted && !hasNewer;
    return waits && this.app.replies && session?.status !== "archived" ? newest : null;
  }

  async #look() {
    try {
      const change = await this.history.poll();
      if (change && !this.isClosed) this.#apply(change, { isFromElsewhere: true });
      this.#offline(false);
      return true;
    } catch (error) {
      if (error.code === "session_not_found") this.#gone();
      else this.#offline(true, error);
      return false;
    }
  }

  #gone() {
    this.polling.stop();
    this.composer.disable();
    this.status.replaceChildren(h("p", { class: "banner" }, "This conversation was deleted elsewhere, or has expired."));
    this.app.sessions.remove(this.id);
  }

  #offline(isOffline, error) {
    if (this.isOffline === isOffline || this.isClosed) return;
    this.isOffline = isOffline;
    this.app.offline(isOffline ? explain(error) : null, error);
  }

  /** Shows what has changed in the history, and says aloud what others have said. */
  #apply({ isNew, removedAfter, replaced, added }, { isFromElsewhere = false } = {}) {
    if (isNew) this.list.reset(added);
    else {
      if (removedAfter !== null) this.list.removeAfter(removedAfter);
      replaced.forEach((message) => this.list.replace(message));
      this.list.append(added);
    }
    this.#dropArrived(added);
    this.reply.take(added);
    if (isFromElsewhere) added.forEach((message) => announce(`${message.role}: ${textOf(message)}`));
    this.#showHead();
    if (added.length || isFromElsewhere) this.app.sessions.changed(this.history.session);
    this.#markPlace();
    this.reply.seek();
  }

  /** Shows messages that an answer brought. */
  take(found, session = {}) {
    if (this.history.session) Object.assign(this.history.session, session);
    if (found[0]?.seq > (this.history.newest?.seq ?? 0) + 1) this.#look(); // somebody else spoke in between
    else if (!this.history.hasNewer) this.#apply(this.history.take(found));
  }

  async #more(which) {
    const wanted = which === "older" ? this.history.hasOlder : this.history.hasNewer;
    if (!wanted || this[which]) return;
    this[which] = true;
    try {
      const found = await this.history[which]();
      if (which === "older") this.list.prepend(found);
      else this.list.append(found);
    } catch (error) {
      notice(explain(error), { fault: true });
      await new Promise((resume) => setTimeout(resume, 3000));
    } finally {
      this[which] = false;
    }
    this.#markPlace();
    if (!this.isClosed) this.list.element.dispatchEvent(new Event("scroll"));
  }

  #markPlace() {
    this.toNewest.hidden = this.list.atEnd && !this.history.hasNewer;
  }

  async #goToNewest() {
    if (this.history.hasNewer) {
      this.seq = null;
      await this.#read();
    }
    this.list.scrollToEnd();
    this.composer.focus();
  }

  /** Says something: it is shown at once, and kept until it is known to be stored. */
  async #say(text) {
    if (this.history.hasNewer) await this.#goToNewest();
    const message = { id: newId(), role: "user", content: text };
    put(this.app.user, this.id, message);
    if (this.isNew) this.app.rename(`#/s/${this.id}`);
    this.place = this.id;
    this.#showOutgoing(message);
    this.list.scrollToEnd();
    await this.#send(message);
  }

  async #send(message) {
    this.faults.delete(message.id);
    this.#showOutgoing(message);
    this.composer.wait(true);
    try {
      await this.#deliver(message);
    } catch (error) {
      if (this.#waiting.some(({ id }) => id === message.id)) this.faults.set(message.id, explain(error));
      else this.reply.fail(explain(error), message.id);
      this.app.refused(error);
    } finally {
      this.composer.wait(false);
      this.#showOutgoing();
      this.reply.seek();
    }
  }

  /** Sends a message and shows the reply; where no model is configured the message is only stored. */
  async #deliver(message) {
    if (this.app.replies) {
      try {
        return await this.reply.follow((signal) => this.#turn(message, signal), message.id);
      } catch (error) {
        if (!this.app.noReplies(error)) throw error;
      }
    }
    this.app.nobodyReplies();
    const append = () =>
      this.isNew ? this.parley.appendAnywhere(this.#named(message)) : this.parley.appendMessages(this.id, message);
    this.stored(await append());
  }

  #turn(message, signal) {
    return this.isNew
      ? this.parley.takeTurn(null, this.#named(message), { signal })
      : this.parley.takeTurn(this.id, message, { signal });
  }

  #named(message) {
    const words = message.content.trim().replace(/\s+/g, " ");
    const name = words.length > NAME_CHARACTERS ? `${words.slice(0, NAME_CHARACTERS - 1)}…` : words;
    this.name = name;
    return { ...message, session_id: this.id, session_name: name };
  }

  /** Shows messages that are stored now, and that the session exists. */
  stored({ messages, message_count: total }) {
    this.history.wrote();
    for (const { id } of messages) this.#arrived(id);
    if (this.isNew) this.#begin();
    const last = messages.at(-1)?.created_at;
    this.take(messages, { ...(total && { message_count: total }), ...(last && { last_activity_at: last }) });
    this.app.told(this.id);
  }

  /** A session that did not exist does now. */
  async #begin() {
    this.isNew = false;
    this.#showHead();
    await this.#look();
    this.#follow();
    this.app.sessions.refresh();
  }

  get #waiting() {
    return waiting(this.app.user, this.id);
  }

  #dropArrived(stored) {
    const ids = new Set(stored.map(({ id }) => id));
    for (const { id } of this.#waiting) if (ids.has(id)) this.#arrived(id);
  }

  #arrived(messageId) {
    drop(messageId);
    this.faults.delete(messageId);
    this.#showOutgoing();
  }

  #showOutgoing(sending = this.sending) {
    this.sending = sending;
    const faultOf = (message) => this.faults.get(message.id) ?? (message.id === sending?.id ? null : "It is not known whether it arrived.");
    const shown = this.#waiting.map((message) =>
      outgoing(
        { message, fault: faultOf(message) },
        {
          retry: () => this.#send(message),
          discard: () => this.#arrived(message.id),
        },
      ),
    );
    this.outgoing.replaceChildren(...shown);
  }

  #actions() {
    return {
      rate: (message, rating) => this.#rate(message, rating),
      edit: (message) => this.#edit(message),
      regenerate: () => this.#regenerate(),
      menu: (message) => this.#menu(message),
    };
  }

  #menu(message) {
    const { newest, session } = this.history;
    const isReply = message.role === "assistant" && message.seq === newest?.seq && this.app.replies && session?.status !== "archived";
    const address = new URL(`#/s/${this.id}/${message.seq}`, location.href).href;
    return [
      isReply && { label: "Ask again", icon: "again", run: () => this.#regenerate() },
      message.role === "assistant" && { label: "Comment on this answer", icon: "edit", run: () => this.#comment(message) },
      { label: "Fork from here", icon: "fork", run: () => this.#fork(message) },
      { label: "Share up to here", icon: "share", run: () => this.app.share(this.id, message.seq) },
      { label: "Copy link to this message", icon: "copy", run: () => copy(address, "Link copied.") },
      { label: "Redact", icon: "trash", danger: true, run: () => this.#redact(message) },
    ];
  }

  /** Does something, and says what went wrong. */
  async attempt(task) {
    try {
      return await task();
    } catch (error) {
      notice(explain(error), { fault: true });
      return null;
    }
  }

  async #judge(message, feedback) {
    const write = () => this.parley.updateMessage(this.id, message.id, { feedback });
    this.take([await this.history.writing(write)]);
    this.app.told(this.id);
    announce("Saved.");
  }

  #rate(message, rating) {
    return this.attempt(() => this.#judge(message, { rating, comment: message.feedback?.comment }));
  }

  async #comment(message) {
    const { rating, comment } = message.feedback ?? {};
    const rate = radios("This answer is", "rating", [["up", "good"], ["down", "bad"]], rating);
    const why = field("What is good or bad about it?", { name: "comment", rows: 4, value: comment ?? "" });
    const run = (said) => this.#judge(message, { rating: said.rating, comment: said.comment || null });
    await ask("Comment on this answer", [rate, why], { says: "Save", check: (said) => Boolean(said.rating), run });
  }

  async #redact(message) {
    const text = "What it says is removed for good; its place in the conversation stays.";
    if (!(await agrees("Redact this message?", text, { says: "Redact", danger: true }))) return;
    await this.attempt(async () => {
      await this.history.writing(() => this.parley.redactMessage(this.id, message.id));
      this.take([await this.parley.getMessage(this.id, message.id)]);
      this.app.told(this.id);
    });
  }

  async #fork(message) {
    const made = await this.attempt(() => this.parley.forkSession(this.id, { afterSeq: message.seq }));
    if (!made) return;
    this.app.sessions.refresh();
    this.app.go(`#/s/${made.id}`);
    notice("This is the new conversation, with everything up to there.");
  }

  async #edit(message) {
    const isLast = message.seq === this.history.newest?.seq;
    const hint = isLast ? null : "Everything after this message is replaced by the answer to the new one.";
    const content = [field("Message", { name: "text", rows: 8, value: textOf(message) }, hint)];
    const id = newId();
    const run = async ({ text }) => {
      const write = () => this.parley.replaceTail(this.id, message.seq - 1, [{ id, role: "user", content: text }]);
      const { messages } = await this.history.writing(write);
      this.#apply({ removedAfter: message.seq - 1, ...this.#cut(message.seq - 1, messages) });
      this.app.told(this.id);
    };
    const said = await ask("Edit and ask again", content, { says: "Ask again", check: ({ text }) => text.trim() !== "", run, wide: true });
    if (said) await this.answer(id);
  }

  #cut(seq, messages) {
    this.history.messages = this.history.messages.filter((each) => each.seq <= seq);
    const { added, replaced } = this.history.take(messages);
    return { added, replaced };
  }

  /** Asks for the reply to the newest message, or with `joins` only follows one that is being made; nothing without a model. */
  async answer(messageId, { joins = false } = {}) {
    if (!this.app.replies) return;
    const ask = (signal) => this.parley.takeTurn(this.id, {}, { signal });
    const join = (signal) => this.parley.joinTurn(this.id, messageId, { signal });
    this.composer.wait(true);
    try {
      await this.reply.follow(joins ? join : ask, messageId);
    } catch (error) {
      if (this.app.noReplies(error)) this.app.nobodyReplies();
      else this.reply.fail(explain(error), messageId);
    } finally {
      this.composer.wait(false);
      this.reply.seek();
    }
  }

  async #regenerate() {
    const newest = this.history.newest;
    const said = this.history.messages.at(-2);
    if (newest?.role !== "assistant" || !said) return;
    this.composer.wait(true);
    try {
      await this.reply.follow((signal) => this.parley.regenerate(this.id, said.id, { signal }), said.id);
    } catch (error) {
      const text = this.app.noReplies(error) ? "No model is configured here, so nobody can be asked." : explain(error);
      notice(text, { fault: true });
    } finally {
      this.composer.wait(false);
    }
  }

  #showHead() {
    const unfolded = this.head.querySelector(".menu");
    if (unfolded) return unfolded.addEventListener("toggle", () => this.#showHead(), { once: true }); // not under somebody's hand
    const session = this.history.session;
    const title = h("h1", { tabindex: -1, dir: "auto" }, this.title);
    const back = h("a", { href: "#/", class: "icon-button narrow-only", "aria-label": "All conversations" }, icon("back"));
    const facts = session && h("p", { class: "facts" }, this.#facts(session));
    const focused = this.head.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
    const menu = session && sessionMenu(this.app, session, { changed: () => this.#look() });
    this.head.replaceChildren(...[back, h("div", { class: "title" }, title, facts), menu].filter(Boolean));
    if (focused) this.head.querySelector(`[aria-label="${focused}"]`)?.focus();
    this.composer.archived(session?.status === "archived", () => this.#restore());
    this.element.classList.toggle("without-replies", !this.app.replies);
    this.element.classList.toggle("archived", session?.status === "archived");
    document.title = `${this.title} · Parley`;
  }

  #facts(session) {
    return [
      session.pinned && h("span", {}, icon("pin"), "pinned"),
      session.status === "archived" && h("span", {}, icon("archive"), "archived"),
      h("span", {}, expiry(session)),
      session.channel !== "default" && h("span", {}, `channel ${session.channel}`),
      session.tags.map((tag) => h("span", { class: "tag", dir: "auto" }, tag)),
    ];
  }

  async #restore() {
    const restored = await this.attempt(() => this.history.writing(() => this.parley.restoreSession(this.id)));
    if (restored) notice("Restored.");
    await this.#look();
    this.app.sessions.refresh();
    this.composer.focus();
  }

  #showFault(error) {
    const isGone = error instanceof ParleyError && error.status === 404;
    const text = isGone ? "There is no such conversation. It may have been deleted, or it has expired." : explain(error);
    const again = !isGone && button("Try again", { run: () => this.app.reopen() });
    this.status.replaceChildren(h("div", { class: "banner", role: "alert" }, h("p", {}, text), again));
    this.composer.disable();
    this.app.refused(error);
  }
}

/**
 * Shows any number of messages in one place that scrolls.
 *
 * Messages are kept in chunks. Only chunks near what is seen have elements; the others are empty and as high as they
 * were. Whatever changes, what the reader looks at stays where it is.
 */

import { h } from "./dom.js";

const CHUNK = 40; // messages
const KEPT_SCREENS = 3; // above and below what is seen; what is further away is emptied
const SHOWN_SCREENS = 1.5;
const NEAR_PX = 1500; // from an end: more is asked for
const END_PX = 60; // from the end: new messages are followed

export class MessageList {
  #chunks = [];
  #render;
  #follows = true;

  /** `render(message, previous)` returns elements; `nearTop` and `nearEnd` are called when an end comes near. */
  constructor(render, { label = "Messages", nearTop = () => {}, nearEnd = () => {} } = {}) {
    this.#render = render;
    this.nearTop = nearTop;
    this.nearEnd = nearEnd;
    this.content = h("div", { class: "stretch" });
    this.tail = h("div", { class: "stretch" });
    this.element = h("section", { class: "messages", tabindex: 0, "aria-label": label }, this.content, this.tail);
    this.element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.watcher = new ResizeObserver(() => this.#resized());
    for (const each of [this.element, this.tail]) this.watcher.observe(each);
  }

  get atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < END_PX;
  }

  get messages() {
    return this.#chunks.flatMap(({ messages }) => messages);
  }

  get newest() {
    return this.#chunks.at(-1)?.messages.at(-1) ?? null;
  }

  reset(messages) {
    this.#chunks = [];
    this.content.replaceChildren();
    this.append(messages);
  }

  prepend(messages) {
    this.#changing(() => {
      for (let end = messages.length; end > 0; end -= CHUNK) {
        const chunk = this.#chunk(messages.slice(Math.max(0, end - CHUNK), end));
        this.#chunks.unshift(chunk);
        this.content.prepend(chunk.element);
        this.#fill(chunk);
      }
    });
  }

  append(messages) {
    if (!messages.length) return;
    this.#changing(() => {
      const last = this.#chunks.at(-1);
      const room = last ? CHUNK - last.messages.length : 0;
      if (room > 0) {
        last.messages.push(...messages.slice(0, room));
        this.#fill(last);
      }
      for (let start = Math.max(room, 0); start < messages.length; start += CHUNK) {
        const chunk = this.#chunk(messages.slice(start, start + CHUNK));
        this.#chunks.push(chunk);
        this.content.append(chunk.element);
        this.#fill(chunk);
      }
    });
  }

  /** Puts another message in the place of the one with its seq. */
  replace(message) {
    const chunk = this.#chunks.find(({ messages }) => messages[0].seq <= message.seq && message.seq <= messages.at(-1).seq);
    if (!chunk) return;
    chunk.messages = chunk.messages.map((each) => (each.seq === message.seq ? message : each));
    if (!chunk.isFilled) return;
    const focused = document.activeElement?.closest(".message")?.dataset.id === message.id && document.activeElement;
    this.#changing(() => this.#fill(chunk));
    if (focused) this.elementOf(message.seq)?.querySelector(`[aria-label="${focused.getAttribute("aria-label")}"]`)?.focus();
  }

  removeAfter(seq) {
    this.#changing(() => {
      for (const chunk of [...this.#chunks].reverse()) {
        if (chunk.messages.at(-1).seq <= seq) break;
        chunk.messages = chunk.messages.filter((message) => message.seq <= seq);
        if (chunk.messages.length) this.#fill(chunk);
        else this.#chunks.splice(this.#chunks.indexOf(chunk), 1)[0].element.remove();
      }
    });
  }

  elementOf(seq) {
    return this.content.querySelector(`[data-seq="${Number(seq)}"]`);
  }

  scrollToEnd() {
    this.#follows = true;
    this.element.scrollTop = this.element.scrollHeight;
    this.#update();
  }

  /** Scrolls to a message that is here; returns its element, null where it is not. */
  scrollTo(seq) {
    const chunk = this.#chunks.find(({ messages }) => messages[0].seq <= seq && seq <= messages.at(-1).seq);
    if (!chunk) return null;
    this.#follows = false;
    if (!chunk.isFilled) this.#fill(chunk);
    const element = this.elementOf(seq);
    element?.scrollIntoView({ block: "center" });
    this.#update();
    element?.scrollIntoView({ block: "center" });
    return element;
  }

  close() {
    this.watcher.disconnect();
  }

  #chunk(messages) {
    return { messages, element: h("div", { class: "chunk" }), isFilled: false };
  }

  #fill(chunk) {
    const before = this.#chunks[this.#chunks.indexOf(chunk) - 1]?.messages.at(-1);
    const previous = (at) => (at ? chunk.messages[at - 1] : before);
    chunk.element.replaceChildren(...chunk.messages.flatMap((message, at) => this.#render(message, previous(at))));
    chunk.element.style.removeProperty("height");
    chunk.isFilled = true;
  }

  #empty(chunk) {
    chunk.element.style.setProperty("height", `${chunk.element.getBoundingClientRect().height}px`);
    chunk.element.replaceChildren();
    chunk.isFilled = false;
  }

  #scrolled() {
    this.#follows = this.atEnd;
    this.#update();
  }

  #resized() {
    if (this.#follows) this.element.scrollTop = this.element.scrollHeight;
    this.#update();
  }

  #changing(change) {
    this.#keepingPlace(change);
    this.#update();
  }

  /** Makes a change, and scrolls so that the same message is seen at the same place. */
  #keepingPlace(change) {
    const mark = this.#follows ? null : this.#mark();
    change();
    if (this.#follows) this.element.scrollTop = this.element.scrollHeight;
    else if (mark) this.#scrollBack(mark);
  }

  /** Returns the first message that is seen, by its seq, and where; in an empty chunk the chunk stands for it. */
  #mark() {
    const edge = this.element.getBoundingClientRect().top;
    const chunk = this.#chunks.find(({ element }) => element.getBoundingClientRect().bottom > edge);
    if (!chunk) return null;
    const seen = [...chunk.element.children].find((child) => child.dataset.seq && child.getBoundingClientRect().bottom > edge);
    return { chunk, seq: seen?.dataset.seq, top: (seen ?? chunk.element).getBoundingClientRect().top };
  }

  #scrollBack({ chunk, seq, top }) {
    const element = (seq && this.elementOf(seq)) || chunk.element;
    if (element.isConnected) this.element.scrollTop += element.getBoundingClientRect().top - top;
  }

  /** Fills what is near and empties what is far, until nothing changes: heights are only known when filled. */
  #update() {
    const height = this.element.clientHeight;
    if (!height || !this.#chunks.length) return;
    for (let round = 0; round < 8; round++) {
      const far = this.#chunks.filter((chunk) => chunk.isFilled && this.#distance(chunk) > KEPT_SCREENS * height && !isHeld(chunk));
      const near = this.#chunks.filter((chunk) => !chunk.isFilled && this.#distance(chunk) < SHOWN_SCREENS * height);
      if (!far.length && !near.length) break;
      this.#keepingPlace(() => {
        far.forEach((chunk) => this.#empty(chunk));
        near.forEach((chunk) => this.#fill(chunk));
      });
    }
    if (this.element.scrollTop < NEAR_PX) this.nearTop();
    if (this.element.scrollHeight - this.element.scrollTop - height < NEAR_PX) this.nearEnd();
  }

  /** Returns how many pixels a chunk is away from what is seen. */
  #distance({ element }) {
    const frame = this.element.getBoundingClientRect();
    const { top, bottom } = element.getBoundingClientRect();
    return Math.max(0, frame.top - bottom, top - frame.bottom);
  }
}

/** Returns whether the reader is in a chunk: with the keyboard, or with a selection. */
function isHeld({ element }) {
  return element.contains(document.activeElement) || Boolean(document.getSelection()?.containsNode(element, true) && !document.getSelection().isCollapsed);
}

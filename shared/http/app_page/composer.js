/** Where people write. */

import { button, h } from "./dom.js";

export class Composer {
  /** `draft` is what was written before; `keep` is told all that is written. */
  constructor({ send, stop, draft, keep }) {
    Object.assign(this, { send, keep });
    this.input = h("textarea", {
      id: "composer",
      rows: 1,
      dir: "auto",
      placeholder: "Say something",
      "aria-label": "Message",
      enterkeyhint: matchMedia("(pointer: coarse)").matches ? "enter" : "send",
      onkeydown: (event) => this.#pressed(event),
      oninput: () => this.#written(),
    });
    this.input.value = draft;
    this.sender = button("Send", { icon: "send", class: "icon-button primary", run: () => this.#submit() });
    this.stopper = button("Stop the reply", { icon: "stop", class: "icon-button primary", run: stop });
    this.stopper.hidden = true;
    this.banner = h("p", { class: "banner", hidden: true }, "This conversation is archived.");
    this.element = h("div", { class: "composer" }, this.banner, h("div", { class: "writing" }, this.input, this.sender, this.stopper));
    this.#judge();
  }

  /** Takes the keyboard, where that does not open a keyboard on the screen. */
  focus() {
    if (!matchMedia("(pointer: coarse)").matches && !document.querySelector("dialog[open]")) this.input.focus({ preventScroll: true });
  }

  /** One message at a time: while one is under way the next can be written, not sent. */
  wait(isWaiting) {
    this.isWaiting = isWaiting;
    this.#judge();
  }

  replying(isReplying) {
    const hadFocus = [this.sender, this.stopper].includes(document.activeElement);
    this.sender.hidden = isReplying;
    this.stopper.hidden = !isReplying;
    if (hadFocus) (isReplying ? this.stopper : this.input).focus();
  }

  archived(isArchived, restore) {
    if (this.banner.hidden === !isArchived) return;
    this.banner.hidden = !isArchived;
    this.element.classList.toggle("archived", isArchived);
    if (isArchived) this.banner.replaceChildren("This conversation is archived. ", button("Restore it to go on", { run: restore }));
  }

  disable() {
    this.element.hidden = true;
  }

  #pressed(event) {
    const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing && this.input.enterKeyHint === "send";
    if (!sends && !(event.key === "Enter" && (event.ctrlKey || event.metaKey))) return;
    event.preventDefault();
    this.#submit();
  }

  #written() {
    this.keep(this.input.value);
    this.#judge();
  }

  #judge() {
    this.sender.disabled = this.isWaiting || !this.input.value.trim();
  }

  #submit() {
    const text = this.input.value;
    if (this.isWaiting || !text.trim()) return;
    this.input.value = "";
    this.#written();
    this.input.focus();
    this.send(text);
  }
}

/** Questions to the reader, and menus. */

import { button, h, icon } from "./dom.js";
import { explain } from "./words.js";

/**
 * Shows a dialog and returns what its form says: a map of fields, or null where it was put away.
 *
 * `content` are the nodes above the buttons, `says` is the button that goes on. `run` does what was asked for: where it
 * fails the dialog says so and stays, with all that was written.
 */
export function ask(title, content, { says = "OK", danger = false, check = () => true, run = () => {}, wide = false } = {}) {
  const go = h("button", { type: "submit", class: danger ? "button danger" : "button primary" }, says);
  const cancel = button("Cancel", { run: () => dialog.close() });
  const fault = h("p", { class: "fault", role: "alert", hidden: true });
  const form = h("form", { method: "dialog" }, h("h2", { id: "dialog-title" }, title), content, fault, h("div", { class: "choices" }, cancel, go));
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", class: wide ? "wide" : null }, form);
  const values = () => Object.fromEntries(new FormData(form));
  const judge = () => (go.disabled = !check(values()));
  form.addEventListener("input", judge);
  judge();
  open(dialog);
  return new Promise((resolve) => {
    let said = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const written = values();
      go.disabled = true;
      try {
        await run(written);
        said = written;
        dialog.close();
      } catch (error) {
        fault.hidden = false;
        fault.textContent = explain(error);
        judge();
      }
    });
    dialog.addEventListener("close", () => resolve(said));
  });
}

/** Shows something with a button to put it away; `fill` gets the place for it. */
export function show(title, fill) {
  const place = h("div", { class: "place" });
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", class: "wide" }, h("h2", { id: "dialog-title" }, title), place);
  dialog.append(h("div", { class: "choices" }, button("Close", { run: () => dialog.close() })));
  open(dialog);
  fill(place);
}

/** Opens a dialog. What is said meanwhile is said in it: nothing beside it can be heard or put away. */
function open(dialog) {
  const voices = ["notices", "announcer"].map((id) => document.getElementById(id));
  dialog.addEventListener("close", () => {
    document.body.append(...voices);
    dialog.remove();
  });
  dialog.append(...voices);
  document.body.append(dialog);
  dialog.showModal();
}

/** Returns whether the reader agrees. */
export async function agrees(title, text, options) {
  return (await ask(title, h("p", {}, text), options)) !== null;
}

/** Returns a field with its label. */
export function field(label, attributes, hint = null) {
  const input = h(attributes.rows ? "textarea" : "input", { id: `field-${attributes.name}`, autocomplete: "off", dir: "auto", ...attributes });
  if (attributes.rows) input.value = attributes.value ?? "";
  return h("p", { class: "field" }, h("label", { for: input.id }, label), input, hint && h("small", {}, hint));
}

/** Returns a list to choose from with its label; `choices` are pairs of value and name. */
export function choice(label, name, choices, chosen) {
  const options = choices.map(([value, said]) => h("option", { value, selected: value === chosen }, said));
  return h("p", { class: "field" }, h("label", { for: `field-${name}` }, label), h("select", { id: `field-${name}`, name }, options));
}

/** Returns choices that are all seen, under one label; one of them has to be made. */
export function radios(label, name, choices, chosen) {
  const input = (value) => h("input", { type: "radio", name, value, required: true, checked: value === chosen });
  const options = choices.map(([value, said]) => h("label", {}, input(value), ` ${said}`));
  return h("fieldset", { class: "field" }, h("legend", {}, label), options);
}

/** Returns a button that opens a menu; `items` returns what can be chosen then: `{label, icon, run, danger}`. */
export function menuButton(label, items, { drawing = "more", text = false } = {}) {
  const opener = button(label, { icon: drawing, text, "aria-haspopup": "menu", "aria-expanded": "false", run: () => unfold(opener, items()) });
  return opener;
}

function unfold(opener, items) {
  const menu = h("div", { class: "menu", role: "menu", popover: "auto" }, items.filter(Boolean).map(item));
  menu.addEventListener("toggle", ({ newState }) => {
    opener.setAttribute("aria-expanded", String(newState === "open"));
    if (newState === "closed") menu.remove();
  });
  menu.addEventListener("keydown", (event) => step(event, menu, opener));
  opener.after(menu);
  menu.showPopover();
  place(menu, opener.getBoundingClientRect());
  menu.firstChild?.focus();

  function item({ label, icon: drawing, run, danger }) {
    const chosen = () => {
      menu.hidePopover();
      opener.focus();
      run();
    };
    return h("button", { type: "button", role: "menuitem", class: danger ? "danger" : null, tabindex: -1, onclick: chosen }, icon(drawing), label);
  }
}

function place(menu, { left, right, top, bottom }) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const under = bottom + height + 8 <= window.innerHeight || top < height + 8;
  const y = under ? Math.min(bottom + 4, window.innerHeight - height - 8) : top - height - 4;
  const x = left + width + 8 <= window.innerWidth ? left : right - width;
  menu.style.setProperty("left", `${Math.max(8, x)}px`);
  menu.style.setProperty("top", `${Math.max(8, y)}px`);
}

function step(event, menu, opener) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab" || event.key === "Escape") {
    menu.hidePopover();
    opener.focus();
    if (event.key === "Escape") event.stopPropagation();
  } else if (to === undefined) return;
  else items[(to + items.length) % items.length].focus();
  event.preventDefault();
}

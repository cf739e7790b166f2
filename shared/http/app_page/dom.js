/** Makes elements, never HTML from text: whatever a message, a name or an address holds stays text. */

const SVG = "http://www.w3.org/2000/svg";

/** Returns an element; attributes that begin with "on" are listeners, true is an empty attribute, false and null none. */
export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Returns an element of a drawing. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const ICONS = {
  archive: "M3 5h18v4H3zM5 9v10h14V9M10 13h4",
  back: "M15 5l-7 7 7 7",
  chart: "M4 20h16M7 16v-5M12 16V6M17 16v-8",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  down: "M7 3v11l4 7c2 0 3-1 3-3v-4h6l-1-11zM3 3h4v11H3z",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  filter: "M4 6h16M7 12h10M10 18h4",
  fork: "M7 4v16M7 12h6c3 0 4-2 4-5V4M4 7l3-3 3 3M14 7l3-3 3 3",
  key: "M14 10a4 4 0 1 0-3 3l2 2h3v3h3v-3z",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  newest: "M12 4v15M6 13l6 6 6-6",
  pin: "M9 3h6l-1 7 4 4H6l4-4zM12 14v7",
  plus: "M12 5v14M5 12h14",
  save: "M12 4v11M7 11l5 5 5-5M4 20h16",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM20 20l-5-5",
  send: "M4 12l16-8-6 16-3-7z",
  share: "M12 15V4M8 7l4-4 4 4M5 12v8h14v-8",
  stop: "M7 7h10v10H7z",
  tag: "M4 4h8l8 8-8 8-8-8zM8 8h.01",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  up: "M17 21V10l-4-7c-2 0-3 1-3 3v4H4l1 11zM21 21h-4V10h4z",
  again: "M20 11a8 8 0 1 0-2 6M20 4v7h-7",
};

/** Returns a drawing that says nothing to those who cannot see it. */
export function icon(name) {
  const attributes = { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true" };
  return svg("svg", attributes, svg("path", { d: ICONS[name] }));
}

/** Returns a button; one with an icon and no text is named by its label. */
export function button(label, { icon: drawing, text = !drawing, run, ...attributes } = {}) {
  const named = text ? {} : { "aria-label": label, title: label };
  return h(
    "button",
    { type: "button", class: text ? "button" : "icon-button", ...named, ...attributes, onclick: run ?? (() => {}) },
    drawing && icon(drawing),
    text && h("span", {}, label),
  );
}

/** Says something to those who hear the page. */
export function announce(text) {
  const place = document.getElementById("announcer");
  place.replaceChildren(h("p", {}, text.slice(0, 1000)));
}

/** Shows and says something for some seconds; faults stay until they are put away. */
export function notice(text, { fault = false } = {}) {
  const place = document.getElementById("notices");
  const shown = h("div", { class: fault ? "notice fault" : "notice" }, h("span", { dir: "auto" }, text));
  shown.append(button("Close this notice", { text: false, run: () => shown.remove(), class: "icon-button close" }));
  shown.lastChild.textContent = "×";
  place.append(shown);
  while (place.children.length > 3) place.firstChild.remove();
  if (!fault) setTimeout(() => shown.remove(), 6000);
}

/** Puts text into the clipboard and says so. */
export async function copy(text, what = "Copied.") {
  try {
    await navigator.clipboard.writeText(text);
    notice(what);
  } catch {
    notice("The browser does not let this page use the clipboard.", { fault: true });
  }
}

/** Hands the reader a file. */
export function save(parts, name, type) {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

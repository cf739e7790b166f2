/**
 * Shows Markdown as DOM nodes.
 *
 * No HTML is ever made from text: tags in it are shown as they are. What it knows: paragraphs whose line ends count,
 * headings, lists, quotes, tables, rules, code; emphasis, links to http, https and mail addresses, images when asked for.
 * Its work grows with the length of the text, whatever that is.
 */

import { button, copy, h } from "./dom.js";

const DEEPEST = 8; // lists in quotes in lists …
const SPAN = 2000; // characters between the ends of an emphasis or a link

const FENCE = /^ {0,3}(`{3,}|~{3,})[ \t]*([^`\s]{0,40})[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,12})([-*+]|\d{1,9}[.)])(?:[ \t]+|$)/;
const DIVIDER = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const IMAGE_DATA = /^data:image\/(?:png|jpeg|gif|webp|avif);base64,[A-Za-z0-9+/=]+$/;

/** Returns the nodes of a text. */
export function markdown(text) {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(text.replace(/\r\n?/g, "\n").replaceAll("\0", "\ufffd").split("\n"), 0));
  outline(fragment.querySelectorAll("h3, h4, h5, h6"));
  return fragment;
}

/** Lets headings begin at the second level and leave out none, for those who find their way by them. */
function outline(headings) {
  let level = 1; // the page's own
  const least = Math.min(...Array.from(headings, ({ localName }) => Number(localName[1])));
  for (const each of headings) {
    level = Math.min(Number(each.localName[1]) - least + 2, level + 1);
    each.setAttribute("aria-level", level);
  }
}

function* blocks(lines, depth) {
  for (let at = 0; at < lines.length; ) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const read = depth < DEEPEST ? readers.find(({ starts }) => starts(lines, at)) : null;
    const { node, next } = (read?.read ?? paragraph)(lines, at, depth);
    yield node;
    at = next;
  }
}

const readers = [
  { starts: (lines, at) => FENCE.test(lines[at]), read: fence },
  { starts: (lines, at) => HEADING.test(lines[at]), read: heading },
  { starts: (lines, at) => RULE.test(lines[at]), read: (_, at) => ({ node: h("hr"), next: at + 1 }) },
  { starts: (lines, at) => QUOTE.test(lines[at]), read: quote },
  { starts: (lines, at) => ITEM.test(lines[at]), read: list },
  { starts: startsTable, read: table },
];

function paragraph(lines, at, depth) {
  let next = at + 1;
  while (next < lines.length && lines[next].trim() && !(depth < DEEPEST && interrupts(lines, next))) next += 1;
  const text = lines.slice(at, next).join("\n").trim();
  return { node: h("p", { dir: "auto" }, inline(text)), next };
}

function interrupts(lines, at) {
  return readers.some(({ starts }) => starts(lines, at));
}

function fence(lines, at) {
  const [, mark, language] = FENCE.exec(lines[at]);
  const closing = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}[ \\t]*$`);
  let end = at + 1;
  while (end < lines.length && !closing.test(lines[end])) end += 1;
  return { node: code(lines.slice(at + 1, end).join("\n"), language), next: end + 1 };
}

/** Returns a block of code with a button to copy it. */
export function code(text, language = "") {
  const label = language ? `Code, ${language}` : "Code";
  const head = h("div", { class: "code-head" }, h("span", {}, language || "code"));
  head.append(button("Copy code", { icon: "copy", run: () => copy(text, "Code copied.") }));
  const body = h("pre", { tabindex: 0, role: "group", "aria-label": label, dir: "ltr" }, h("code", {}, text));
  return h("div", { class: "code" }, head, body);
}

function heading(lines, at) {
  const [, marks, text] = HEADING.exec(lines[at]);
  const level = Math.min(marks.length + 2, 6); // the page itself has the first two
  return { node: h(`h${level}`, { dir: "auto" }, inline(text.trimEnd().replace(/[ \t]#+$/, ""))), next: at + 1 };
}

function quote(lines, at, depth) {
  let next = at;
  const inner = [];
  for (; next < lines.length && QUOTE.test(lines[next]); next++) inner.push(lines[next].replace(QUOTE, ""));
  return { node: h("blockquote", { dir: "auto" }, [...blocks(inner, depth + 1)]), next };
}

function list(lines, at, depth) {
  const [, indent, first] = ITEM.exec(lines[at]);
  const isOrdered = /\d/.test(first);
  const number = Number.parseInt(first, 10);
  const node = isOrdered ? h("ol", number === 1 ? {} : { start: number }) : h("ul");
  let next = at;
  while (next < lines.length) {
    const item = ITEM.exec(lines[next]);
    if (!item || item[1].length < indent.length || /\d/.test(item[2]) !== isOrdered || RULE.test(lines[next])) break;
    const width = item[0].length;
    const inner = [lines[next].slice(width)];
    next += 1;
    while (next < lines.length && belongs(lines, next, indent.length)) {
      inner.push(lines[next].slice(Math.min(width, lines[next].length - lines[next].trimStart().length)));
      next += 1;
    }
    while (inner.length && !inner.at(-1).trim()) inner.pop();
    node.append(entry(inner, depth));
  }
  return { node, next };
}

/** Returns whether a line goes on with the item before it: it is deeper, or empty with something deeper after it. */
function belongs(lines, at, indent) {
  const line = lines[at];
  if (line.trim()) return indentOf(line) > indent + 1 || !(ITEM.test(line) || !lines[at - 1].trim() || interrupts(lines, at));
  const following = lines[at + 1];
  return following !== undefined && (!following.trim() || indentOf(following) > indent + 1 || isItem(following, indent));
}

const indentOf = (line) => line.length - line.trimStart().length;
const isItem = (line, indent) => ITEM.test(line) && indentOf(line) >= indent;

function entry(lines, depth) {
  const parts = [...blocks(lines, depth + 1)];
  if (parts[0]?.localName === "p") parts.splice(0, 1, ...parts[0].childNodes); // a tight item
  return h("li", { dir: "auto" }, parts);
}

function startsTable(lines, at) {
  return lines[at].includes("|") && at + 1 < lines.length && lines[at + 1].includes("|") && DIVIDER.test(lines[at + 1]);
}

function table(lines, at) {
  const heads = cells(lines[at]);
  const sides = cells(lines[at + 1]).map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : ""));
  let next = at + 2;
  const rows = [];
  for (; next < lines.length && lines[next].includes("|") && lines[next].trim(); next++) rows.push(cells(lines[next]));
  const cell = (name, text, place) => h(name, { class: sides[place] || null, dir: "auto" }, inline(text));
  const head = h("tr", {}, heads.map((text, place) => cell("th", text, place)));
  const body = rows.map((row) => h("tr", {}, heads.map((_, place) => cell("td", row[place] ?? "", place))));
  const whole = h("table", {}, h("thead", {}, head), h("tbody", {}, body));
  return { node: h("div", { class: "table", tabindex: 0, role: "group", "aria-label": "Table" }, whole), next };
}

function cells(line) {
  const text = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return text.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

const SPECIAL = /[\\`*_~[!<]|https?:\/\//g;

/** Returns the nodes of a line, or of several whose ends count. */
function inline(text, depth = 0) {
  const nodes = [];
  let [plain, at] = [0, 0];
  for (;;) {
    SPECIAL.lastIndex = at;
    const special = SPECIAL.exec(text);
    if (!special) break;
    at = special.index;
    const found = spans[special[0]]?.(text, at, depth) ?? bare(text, at);
    if (!found) {
      at += 1;
      continue;
    }
    nodes.push(text.slice(plain, at), ...[found.node].flat());
    plain = at = found.end;
  }
  nodes.push(text.slice(plain));
  return nodes.filter((node) => node !== "");
}

const spans = {
  "\\": (text, at) => (/[!-/:-@[-`{-~]/.test(text[at + 1] ?? "") ? { node: text[at + 1], end: at + 2 } : null),
  "`": codeSpan,
  "*": (text, at, depth) => emphasis(text, at, depth, text.startsWith("**", at) ? "**" : "*"),
  _: (text, at, depth) => emphasis(text, at, depth, text.startsWith("__", at) ? "__" : "_"),
  "~": (text, at, depth) => (text.startsWith("~~", at) ? emphasis(text, at, depth, "~~") : null),
  "[": link,
  "!": (text, at) => (text[at + 1] === "[" ? image(text, at) : null),
  "<": (text, at) => {
    const found = sticky(/<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/y, text, at);
    return found && { node: anchor(found[1], [found[1]]), end: at + found[0].length };
  },
};

function sticky(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function codeSpan(text, at) {
  const mark = sticky(/`+/y, text, at)[0];
  const near = text.slice(0, at + SPAN);
  let end = near.indexOf(mark, at + mark.length);
  while (end > 0 && (near[end + mark.length] === "`" || near[end - 1] === "`")) end = near.indexOf(mark, end + mark.length + 1);
  if (end < 0) return { node: mark, end: at + mark.length };
  const inner = text.slice(at + mark.length, end).replace(/^ (.+) $/s, "$1");
  return { node: h("code", { dir: "ltr" }, inner), end: end + mark.length };
}

const ELEMENTS = { "**": "strong", __: "strong", "*": "em", _: "em", "~~": "s" };

function emphasis(text, at, depth, mark) {
  const start = at + mark.length;
  if (depth >= DEEPEST || /\s/.test(text[start] ?? " ") || (mark[0] === "_" && isWord(text[at - 1]))) return run(text, at, mark);
  const near = text.slice(start, start + SPAN);
  for (let end = near.indexOf(mark, 1); end > 0; end = near.indexOf(mark, end + mark.length)) {
    const after = near[end + mark.length];
    const closes = !/\s/.test(near[end - 1]) && !(mark[0] === "_" && isWord(after));
    if (closes && !(mark.length === 1 && (after === mark || near[end - 1] === mark))) {
      return { node: h(ELEMENTS[mark], {}, inline(near.slice(0, end), depth + 1)), end: start + end + mark.length };
    }
  }
  return run(text, at, mark);
}

const isWord = (character) => /[\p{L}\p{N}]/u.test(character ?? "");

/** Steps over a run of a mark that opens nothing, so that none of it is looked at again. */
function run(text, at, mark) {
  const whole = sticky(mark[0] === "*" ? /\*+/y : mark[0] === "_" ? /_+/y : /~+/y, text, at)[0];
  return { node: whole, end: at + whole.length };
}

const TARGET = String.raw`\(\s*<?((?:[^\s<>()]|\([^\s<>()]*\)){0,${SPAN}}?)>?(?:\s+"[^"]{0,300}")?\s*\)`;
const LINK = new RegExp(String.raw`\[((?:[^[\]\\]|\\.|!?\[[^[\]]{0,200}\]){1,500}?)\]${TARGET}`, "y");
const IMAGE = new RegExp(String.raw`!\[([^[\]]{0,500})\]\(\s*<?([^\s<>()]*)>?(?:\s+"[^"]{0,300}")?\s*\)`, "y");

function link(text, at, depth) {
  const found = sticky(LINK, text, at);
  if (!found || depth >= DEEPEST) return null;
  return { node: anchor(found[2], inline(found[1], depth + 1)), end: at + found[0].length };
}

/** Returns a link, or what it says where its address is none that is safe to open. */
function anchor(address, says) {
  const href = safe(address);
  if (!href) return says;
  const link = h("a", { href, rel: "noopener noreferrer nofollow", target: "_blank", title: href }, says);
  for (const inner of link.querySelectorAll("a")) inner.replaceWith(...inner.childNodes);
  return link;
}

function safe(address) {
  try {
    const url = new URL(address); // relative ones throw: there is nothing here that they could mean
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function image(text, at) {
  const found = sticky(IMAGE, text, at);
  if (!found) return null;
  const [whole, alt, address] = found;
  const name = `Image: ${alt || "without a description"}`;
  const node = IMAGE_DATA.test(address) ? onDemand(name, alt, address) : anchor(address, [`${name} ↗`]);
  return { node, end: at + whole.length };
}

function onDemand(name, alt, address) {
  const show = button(`${name} (show)`, { class: "inline-button", run: () => show.replaceWith(h("img", { src: address, alt })) });
  return show;
}

function bare(text, at) {
  const found = sticky(/https?:\/\/[^\s<>"'`|\\^{}]{1,2000}/y, text, at);
  if (!found || isWord(text[at - 1])) return null;
  let address = found[0].replace(/[.,:;!?*_~]+$/, "");
  if (address.endsWith(")") && !address.includes("(")) address = address.slice(0, -1);
  return { node: anchor(address, [address]), end: at + address.length };
}

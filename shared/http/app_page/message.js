/** One message as people see it. */

import { button, copy, h, icon } from "./dom.js";
import { menuButton } from "./dialogs.js";
import { code, markdown } from "./markdown.js";
import { clockTime, count, counted, dayOf, wholeTime } from "./words.js";

const LONG = 20_000; // characters that are shown at once
const SHOWN = 6000; // of a longer one
const ROLES = { user: "You", assistant: "Assistant", system: "System", developer: "Developer", tool: "Tool" };
const ENDED = { stopped: "stopped", length: "cut off at its longest" }; // before it was whole
const QUIET = new Set(["system", "developer", "tool"]);

/**
 * Returns the element of a message. `previous` is the one before it, `actions` what can be done with it: functions of
 * the message by name, `rate`, and `menu` which returns the rest; without any it can only be read and copied.
 */
export function messageElement(message, { previous = null, actions = null } = {}) {
  const element = h(
    "article",
    { class: `message ${message.role}`, "data-seq": message.seq, "data-id": message.id, tabindex: -1 },
    heading(message),
    body(message),
    message.metadata?.redacted ? null : tools(message, actions),
  );
  const isNewDay = message.created_at && (!previous || dayOf(previous.created_at) !== dayOf(message.created_at));
  return isNewDay ? [h("p", { class: "day" }, dayOf(message.created_at)), element] : [element];
}

/** Returns who speaks. */
export function speaker({ role, persona, name }) {
  return persona || name || ROLES[role] || role;
}

/** Returns what is said, as plain text. */
export function textOf({ content }) {
  if (typeof content === "string") return content;
  return content.map((part) => (typeof part.text === "string" ? part.text : `[${part.type}]`)).join("\n\n");
}

function heading(message) {
  const { created_at: time, edited_at: edited, metadata } = message;
  const reply = metadata?.reply;
  const by = reply?.model && `${reply.model}, ${counted(reply.output_tokens ?? 0, "token")}`;
  return h(
    "header",
    {},
    h("strong", { dir: "auto" }, speaker(message)),
    time && h("time", { datetime: time, title: [wholeTime(time), by].filter(Boolean).join("\n") }, clockTime(time)),
    edited && h("span", { class: "note" }, "edited"),
    ENDED[reply?.finish_reason] && h("span", { class: "note" }, ENDED[reply.finish_reason]),
  );
}

function body(message) {
  if (message.metadata?.redacted) return h("div", { class: "body note" }, h("p", {}, "This message was redacted."));
  const said = h("div", { class: "body", dir: "auto" }, shown(message), files(message), calls(message));
  if (!QUIET.has(message.role)) return said;
  return h("details", { class: "quiet" }, h("summary", {}, `${ROLES[message.role]} message`), said);
}

function shown({ content }) {
  if (typeof content === "string") return text(content);
  return content.map((part) => (typeof part.text === "string" ? text(part.text) : data(String(part.type), part)));
}

/** Returns a text as Markdown; a long one begins with its beginning, and a button for all of it. */
export function text(whole) {
  if (whole.length <= LONG) return markdown(whole);
  const place = h("div", { class: "long" }, markdown(whole.slice(0, SHOWN)));
  const all = button(`Show all ${count(whole.length)} characters`, { run: () => place.replaceChildren(markdown(whole)) });
  place.append(all);
  return place;
}

function files({ audio_files: names }) {
  if (!names?.length) return null;
  const say = (file) => (typeof file === "string" ? file : (file.name ?? file.url ?? JSON.stringify(file)));
  return h("ul", { class: "files", "aria-label": "Audio files" }, names.map((file) => h("li", { dir: "auto" }, `♪ ${say(file)}`)));
}

function calls({ function_calls: made }) {
  if (!made?.length) return null;
  return made.map((call) => data(`Call of ${call.function?.name ?? call.name ?? "a tool"}`, call));
}

function data(name, value) {
  const written = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return h("details", { class: "data" }, h("summary", { dir: "auto" }, name), code(written.slice(0, LONG), "json"));
}

function tools(message, actions) {
  const row = h("div", { class: "tools" }, button("Copy message", { icon: "copy", run: () => copy(textOf(message)) }));
  if (!actions) return row;
  if (message.role === "assistant") row.append(rate(message, actions, "up"), rate(message, actions, "down"));
  if (message.role === "assistant") row.append(regenerate(message, actions));
  if (message.role === "user") row.append(button("Edit and ask again", { icon: "edit", class: "icon-button active-only", run: () => actions.edit(message) }));
  row.append(menuButton("More for this message", () => actions.menu(message)));
  return row;
}

function regenerate(message, actions) {
  return button("Ask again", { icon: "again", class: "icon-button newest-only active-only", run: () => actions.regenerate(message) });
}

function rate(message, actions, rating) {
  const isGiven = message.feedback?.rating === rating;
  const label = rating === "up" ? "Good answer" : "Bad answer";
  const run = () => isGiven || actions.rate(message, rating); // the API takes no rating back
  return button(label, { icon: rating, run, "aria-pressed": String(isGiven) });
}

/** Returns the element of a message that is on its way, or did not arrive. */
export function outgoing({ message, fault }, { retry, discard }) {
  const state = fault
    ? h("p", { class: "fault", role: "alert" }, h("span", {}, `Not sent. ${fault} `))
    : h("p", { class: "note" }, "Sending …");
  if (fault) state.append(button("Send again", { run: retry }), button("Discard", { run: discard }));
  const said = h("div", { class: "body", dir: "auto" }, text(message.content));
  return h("article", { class: `message user ${fault ? "failed" : "pending"}` }, h("header", {}, h("strong", {}, "You")), said, state);
}

/** Returns the element of a reply that is being made: call `say` with all that came so far. */
export function incoming() {
  const said = h("div", { class: "body", dir: "auto" }, h("p", { class: "waiting" }, icon("more"), "The assistant is thinking …"));
  const element = h("article", { class: "message assistant incoming", "aria-busy": "true" }, h("header", {}, h("strong", {}, "Assistant")), said);
  return { element, say: (whole) => said.replaceChildren(markdown(whole)) };
}

/** What a user has, in numbers and as a chart, and the way to take it along or to erase it. */

import { ask, choice, field } from "./dialogs.js";
import { button, h, notice, save, svg } from "./dom.js";
import { count, counted, explain, shortDate, size } from "./words.js";

const SPANS = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"], ["365", "a year"]];
const [WIDTH, HEIGHT, GAP] = [720, 180, 0.2];
const WORD = "erase everything";

export class Stats {
  constructor(app) {
    this.app = app;
    this.title = "Statistics";
    this.place = h("div", {});
    const span = choice("Messages of the last", "days", SPANS, "30");
    span.addEventListener("change", (event) => this.#read(Number(event.target.value)));
    const everything = button("Export everything", { icon: "save", text: true, run: () => this.#exported() });
    const erase = button("Erase everything", { icon: "trash", text: true, class: "button danger", run: () => this.#erase() });
    const yours = [h("h2", {}, "Your data"), h("p", { class: "choices start" }, everything, erase)];
    this.element = h("div", { class: "view" }, app.backLink(), h("h1", { tabindex: -1 }, "Statistics"), span, this.place, yours);
  }

  async open() {
    await this.#read(30);
  }

  close() {
    this.isClosed = true;
  }

  async #read(days) {
    this.place.setAttribute("aria-busy", "true");
    try {
      const found = await this.app.parley.stats({ days });
      this.place.replaceChildren(numbers(found), chart(found.per_day), table(found.per_day));
    } catch (error) {
      this.place.replaceChildren(h("p", { class: "banner", role: "alert" }, explain(error)));
      this.app.refused(error);
    }
    this.place.removeAttribute("aria-busy");
  }

  async #exported() {
    try {
      const parts = [];
      for await (const part of this.app.parley.exportOwner()) parts.push(part);
      save(parts, "parley-export.ndjson", "application/x-ndjson");
      notice("Exported.");
    } catch (error) {
      notice(explain(error), { fault: true });
    }
  }

  async #erase() {
    const text = h("p", {}, "Every conversation and every link is removed for good, on every device. Nobody can bring them back.");
    const typed = field(`Type “${WORD}” to go on`, { name: "word", autofocus: true });
    const check = ({ word }) => word.trim().toLowerCase() === WORD;
    if (!(await ask("Erase everything?", [text, typed], { says: "Erase everything", danger: true, check }))) return;
    try {
      const { sessions, messages } = await this.app.parley.eraseAll();
      notice(`Erased ${counted(sessions, "conversation")} with ${counted(messages, "message")}.`);
    } catch (error) {
      notice(`Not everything was erased. ${explain(error)}`, { fault: true });
    }
    this.app.forgetDrafts();
    this.app.sessions.refresh();
    await this.#read(30);
  }
}

function numbers({ sessions, messages, by_role: roles, by_channel: channels, feedback, stored_bytes: bytes, usage }) {
  const facts = [
    ["Conversations", count(sessions.active)],
    ["Archived", count(sessions.archived)],
    ["Messages", count(messages)],
    ["By you", count(roles.user ?? 0)],
    ["By the assistant", count(roles.assistant ?? 0)],
    ["Good answers", count(feedback.up)],
    ["Bad answers", count(feedback.down)],
    ["Stored", size(bytes)],
  ];
  if (usage?.replies) facts.push(["Tokens read and written", `${count(usage.input_tokens)} / ${count(usage.output_tokens)}`]);
  const names = Object.keys(channels);
  if (names.length > 1) facts.push(["Channels", String(names.length)]);
  return h("dl", { class: "numbers" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function chart(days) {
  const most = Math.max(1, ...days.map(({ messages }) => messages));
  const total = days.reduce((sum, { messages }) => sum + messages, 0);
  const step = WIDTH / Math.max(days.length, 1);
  const bars = days.map(({ date, messages }, at) => {
    const height = (messages / most) * HEIGHT;
    const place = { x: (at + GAP / 2) * step, y: HEIGHT - height, width: step * (1 - GAP), height };
    return svg("rect", { ...place, rx: Math.min(3, step / 4) }, svg("title", {}, `${day(date)}: ${counted(messages, "message")}`));
  });
  const label = `Messages per day: ${count(total)} in ${days.length} days, at most ${count(most)} a day.`;
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "chart", preserveAspectRatio: "none" }, bars);
  const ends = days.length ? h("p", { class: "ends" }, h("span", {}, day(days[0].date)), h("span", {}, `at most ${count(most)} a day`), h("span", {}, day(days.at(-1).date))) : null;
  return h("figure", {}, drawing, ends);
}

function table(days) {
  const rows = days.filter(({ messages }) => messages).map(({ date, messages }) => h("tr", {}, h("td", {}, day(date)), h("td", {}, count(messages))));
  const head = h("tr", {}, h("th", { scope: "col" }, "Day (UTC)"), h("th", { scope: "col" }, "Messages"));
  return h("details", {}, h("summary", {}, "As a table"), h("table", { class: "days" }, h("thead", {}, head), h("tbody", {}, rows)));
}

const day = (date) => shortDate(`${date}T12:00:00`);

/** Times, counts and faults in the reader's words. */

import { ParleyError } from "../../../clients/javascript/src/index.js";

const DAY_MS = 86_400_000;
const MOST_CHARACTERS = 500; // of what a refusal says: it may come from what stands between
const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dateOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const longDate = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "always", style: "short" });
const number = new Intl.NumberFormat();

export const clockTime = (iso) => clock.format(new Date(iso));
export const wholeTime = (iso) => moment.format(new Date(iso));
export const shortDate = (iso) => date.format(new Date(iso));
export const dayOf = (iso) => longDate.format(new Date(iso));
export const count = (value) => number.format(value);

/** Returns a number with its noun, such as "1 message". */
export function counted(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** Returns a short time: the clock today, the date else. */
export function shortTime(iso, now = new Date()) {
  const then = new Date(iso);
  if (then.toDateString() === now.toDateString()) return clock.format(then);
  return (then.getFullYear() === now.getFullYear() ? date : dateOfYear).format(then);
}

/** Returns when a session ends, in words; nothing where it is kept. */
export function expiry({ pinned, expires_at: end }, now = Date.now()) {
  if (!end || pinned) return "kept";
  const left = Date.parse(end) - now;
  if (left <= 0) return "expires now";
  if (left < 3_600_000) return `expires ${relative.format(Math.ceil(left / 60_000), "minute")}`;
  if (left < DAY_MS) return `expires ${relative.format(Math.round(left / 3_600_000), "hour")}`;
  return `expires ${relative.format(Math.round(left / DAY_MS), "day")}`;
}

/** Returns bytes in the largest unit that leaves a number over one. */
export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), 3);
  const unit = { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(undefined, unit).format(bytes / 1024 ** step);
}

const ADVICE = {
  bad_request: "Reload the page and try again.",
  model_failed: "Ask again.",
  model_timeout: "Ask again.",
  model_throttled: "Wait a moment and ask again.",
  content_filtered: "Say it in other words.",
  payload_too_large: "Send it in smaller parts.",
  precondition_failed: "Somebody changed it meanwhile: look again.",
  store_unavailable: "What you wrote is kept here: try again in a moment.",
  throttled: "What you wrote is kept here: try again in a moment.",
  turn_in_progress: "Wait until the other reply is there.",
};

/** Returns what happened, what to do about it, and the request's id. */
export function explain(error) {
  if (!(error instanceof ParleyError)) return `Something went wrong in this page: ${error?.message ?? error}. Reload it.`;
  if (error.status === 0) return "Parley cannot be reached. Check the connection and try again.";
  return faultOf({ detail: error.detail, code: error.code, request_id: error.requestId });
}

/** Returns the same of a problem document. */
export function faultOf({ detail = "Parley refused.", code, request_id: id }) {
  return [String(detail).slice(0, MOST_CHARACTERS), ADVICE[code], id && `(Request ${id})`].filter(Boolean).join(" ");
}

/** An unbroken stretch of a session's messages, as far as it is known here, and how it grows and follows the session. */

import { answerOf } from "../../../clients/javascript/src/index.js";

const NEWEST = 50;
const PAGE = 100;
const AROUND = 30; // messages before and after one that a link leads to

export class History {
  #parley;
  #etag = null;
  #writes = 0;

  constructor(parley, id) {
    this.#parley = parley;
    this.id = id;
    this.session = null;
    this.messages = [];
    this.hasOlder = false;
    this.hasNewer = false;
  }

  get newest() {
    return this.messages.at(-1) ?? null;
  }

  /** Reads the session with its newest messages. */
  async open() {
    const { messages, has_more: hasOlder, next_cursor: _, ...session } = this.#noted(await this.#parley.getSession(this.id, { limit: NEWEST }));
    Object.assign(this, { session, messages, hasOlder, hasNewer: false });
  }

  /** Reads the messages around a seq instead of the newest. */
  async openAround(seq) {
    const [before, after] = await Promise.all([
      this.#parley.listMessages(this.id, { before: seq + 1, limit: AROUND }),
      this.#parley.listMessages(this.id, { after: seq, order: "asc", limit: AROUND }),
    ]);
    this.messages = [...before.data.reverse(), ...after.data];
    Object.assign(this, { hasOlder: before.has_more, hasNewer: after.has_more });
  }

  /** Reads and returns messages before those that are known. */
  async older() {
    const before = this.messages[0]?.seq;
    if (!this.hasOlder || !before) return [];
    const page = await this.#parley.listMessages(this.id, { before, limit: PAGE });
    if (this.messages[0]?.seq !== before) return [];
    const found = page.data.reverse();
    this.messages = [...found, ...this.messages];
    this.hasOlder = page.has_more;
    return found;
  }

  /** Reads and returns messages after those that are known. */
  async newer() {
    const after = this.newest?.seq ?? 0;
    const page = await this.#parley.listMessages(this.id, { after, order: "asc", limit: PAGE });
    if ((this.newest?.seq ?? 0) !== after) return [];
    this.messages.push(...page.data);
    this.hasNewer = page.has_more;
    return page.data;
  }

  /** Runs a write; what was read before its end is not believed, because it may be older. */
  async writing(write) {
    try {
      return await write();
    } finally {
      this.wrote();
    }
  }

  /** Says that something was written just now. */
  wrote() {
    this.#writes += 1;
    this.#etag = null;
  }

  /** Asks what has changed and returns it: `{removedAfter, replaced, added}`, null for nothing. */
  async poll() {
    const writes = this.#writes;
    const found = await this.#parley.getSession(this.id, { limit: NEWEST, ifNoneMatch: this.#etag });
    if (!found || writes !== this.#writes) return null;
    const { messages: newest, has_more: hasOlder, next_cursor: _, ...session } = this.#noted(found);
    this.session = session;
    if (this.hasNewer) return { added: [], replaced: [], removedAfter: null };
    const first = newest[0]?.seq ?? Infinity;
    const isCleared = !hasOlder && this.messages.length > 0 && this.messages[0].seq < first;
    if (isCleared || (newest.length && first > (this.newest?.seq ?? 0) + 1)) return this.#leap(newest, hasOlder);
    return this.take(newest, { isTail: true });
  }

  /** Takes messages that are known now, and returns what that changes; `isTail`: nothing is after them. */
  take(found, { isTail = false } = {}) {
    const byId = new Map(found.map((message) => [message.seq, message]));
    const [first, last] = [found[0]?.seq ?? 0, found.at(-1)?.seq ?? 0];
    const other = this.messages.find(({ seq, id }) => byId.has(seq) && byId.get(seq).id !== id); // rewound and said anew
    const end = other ? other.seq - 1 : isTail ? last : Infinity;
    const removedAfter = (this.newest?.seq ?? 0) > end ? end : null;
    this.messages = this.messages.filter(({ seq }) => seq <= end);
    const replaced = this.messages.flatMap((message, at) => this.#replaced(message, at, byId));
    const added = found.filter(({ seq }) => seq > (this.newest?.seq ?? first - 1));
    this.messages.push(...added);
    return { removedAfter, replaced, added };
  }

  #replaced(message, at, bySeq) {
    const now = bySeq.get(message.seq);
    if (!now || JSON.stringify(now) === JSON.stringify(message)) return [];
    this.messages[at] = now;
    return [now];
  }

  /** Shows the newest messages instead, where too many came meanwhile to read those between. */
  #leap(newest, hasOlder) {
    Object.assign(this, { messages: newest, hasOlder, hasNewer: false });
    return { isNew: true, added: newest, replaced: [], removedAfter: null };
  }

  #noted(found) {
    this.#etag = answerOf(found).etag;
    return found;
  }
}

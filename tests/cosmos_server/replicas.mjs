/**
 * Replicas that lag behind the primary, and the session tokens that tell how far a read has to reach.
 * learn: cosmos-db/consistency-levels (session consistency), cosmos-db/nosql/troubleshoot-not-found
 *
 * Writes are carried out on the primary. While replicas lag, a container's writes are noted in a journal, and what
 * a replica knows is the primary's items with the newest writes taken back. Without lag nothing is noted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { badRequest, CosmosError } from './errors.mjs';
import { randomFrom } from './values.mjs';

const READ_SESSION_NOT_AVAILABLE = 1002;
const CHOICES = ['wait', 'move', 'refuse'];
const LONG_JOURNAL = 256;
// learn: cosmos-db/how-to-convert-session-token ({range}:{version}#{global LSN}#{region}={local LSN}, or {range}:{LSN})
const TOKEN = /^(\d{1,9}):(?:(-?\d{1,18})#)?(\d{1,18})(?:#\d{1,9}=-?\d{1,18})*$/;

/** The LSN that a token asks of range 0; 0 without a token, and for a token of other ranges. Malformed is 400. */
export function wantedLsn(text) {
  let wanted = 0;
  for (const part of text ? text.split(',') : []) {
    const [, range, version = '-1', lsn] = TOKEN.exec(part) ?? [];
    if (range === undefined) throw badRequest(`The session token provided '${part}' is invalid.`);
    // A token of a later version was made after a failover that has not happened here.
    if (range === '0') wanted = Math.max(wanted, Number(version) > -1 ? Infinity : Number(lsn));
  }
  return wanted;
}

const notAvailable = () =>
  new CosmosError(404, 'The read session is not available for the input session token.', READ_SESSION_NOT_AVAILABLE);

const listOf = (value, count, otherwise) => Array.from({ length: count }, (_, i) => (Array.isArray(value) ? value[i] : value) ?? otherwise);

function settingsFrom({ replicas = 1, writes, milliseconds, behindToken = 'draw', seed = 0 } = {}) {
  if (!Number.isInteger(replicas) || replicas < 0) throw badRequest('replicas must be a number, 0 for none that lag.');
  if (behindToken !== 'draw' && !CHOICES.includes(behindToken)) throw badRequest(`behindToken is one of ${CHOICES}, draw.`);
  if (writes === undefined && milliseconds === undefined && replicas) throw badRequest('Say by what the replicas lag.');
  const lags = listOf(writes, replicas, Infinity).map((w, i) => ({ writes: w, milliseconds: listOf(milliseconds, replicas, Infinity)[i] }));
  return { lags, behindToken, random: randomFrom(seed) };
}

export class Replicas {
  constructor(store) {
    this.store = store;
    this.set({ replicas: 0 });
  }

  get lag() {
    return this.settings.lags.length > 0;
  }

  /** Switch lag on, or off with 0 replicas; whatever was written before is known to all replicas. */
  set(settings) {
    this.settings = settingsFrom(settings);
    this.refresh();
  }

  /** Let all replicas catch up. */
  refresh() {
    for (const { containers } of this.store.databases.values()) for (const container of containers.values()) container.history = undefined;
  }

  /** Note that an item was written or removed, and what was there before. */
  note(container, key, id, before) {
    container.lsn += 1;
    if (!this.lag) return;
    const reached = () => this.settings.lags.map(() => container.lsn - 1);
    const history = container.history ??= { journal: [], reached: reached() };
    history.journal.push({ lsn: container.lsn, at: this.store.milliseconds(), key, id, before });
  }

  /** Forget the writes that every replica knows. */
  trim(container) {
    const { history } = container;
    if (!history || history.journal.length < LONG_JOURNAL) return;
    const least = Math.min(...this.settings.lags.map((_, replica) => this.reached(container, replica)));
    history.journal = history.journal.filter(({ lsn }) => lsn > least);
  }

  /**
   * The LSN a replica has reached: it knows a write when it is old enough or when enough others came after it,
   * whichever is first, and what it has known once it knows for ever.
   */
  reached(container, replica) {
    const { history, lsn } = container;
    if (!history) return lsn;
    const { writes, milliseconds } = this.settings.lags[replica];
    const old = history.journal.findLast(({ at }) => this.store.milliseconds() - at >= milliseconds);
    history.reached[replica] = Math.max(history.reached[replica], lsn - writes, old?.lsn ?? 0);
    return history.reached[replica];
  }

  /** Several writes as one that replicas know whole or not at all, under one LSN; none of them if `run` throws. */
  asOne(container, run) {
    const before = container.lsn;
    const count = container.history?.journal.length ?? 0;
    try {
      run();
      container.lsn = Math.min(container.lsn, before + 1);
    } catch (error) {
      container.lsn = before;
      container.history?.journal.splice(count);
      throw error;
    }
    for (const write of container.history?.journal.slice(count) ?? []) write.lsn = container.lsn;
  }

  /**
   * The LSN that a read is served at: of a replica drawn from the seed, which may be behind the token. Then the read
   * waits for it, moves on to the others and at last to the primary, or is refused with 404 and sub-status 1002.
   */
  async serve(container, token) {
    const wanted = wantedLsn(token);
    if (wanted > container.lsn) throw this.refused(container.lsn);
    if (!this.lag) return container.lsn;
    this.trim(container);
    const { lags, random, behindToken } = this.settings;
    const replica = Math.floor(random() * lags.length);
    const choice = behindToken === 'draw' ? CHOICES[Math.floor(random() * CHOICES.length)] : behindToken;
    const lsn = this.reached(container, replica);
    if (lsn >= wanted) return lsn;
    if (choice === 'refuse') throw this.refused(lsn);
    return choice === 'move' ? this.moved(container, replica, wanted) : this.waited(container, replica, wanted);
  }

  refused(lsn) {
    return Object.assign(notAvailable(), { lsn });
  }

  moved(container, first, wanted) {
    const { length } = this.settings.lags;
    const others = Array.from({ length: length - 1 }, (_, i) => this.reached(container, (first + 1 + i) % length));
    return others.find((lsn) => lsn >= wanted) ?? container.lsn;
  }

  /** Wait as long as the replica lags in time; where it lags in writes only, it catches up at once. */
  async waited(container, replica, wanted) {
    const write = container.history.journal.find(({ lsn }) => lsn >= wanted);
    const due = write.at + this.settings.lags[replica].milliseconds - this.store.milliseconds();
    if (Number.isFinite(due) && due > 0) await sleep(due);
    const { history } = container;
    if (!history) return container.lsn;
    history.reached[replica] = Math.max(this.reached(container, replica), wanted);
    return history.reached[replica];
  }
}

/** What a partition's items were at an LSN: the primary's, with what was written later taken back. */
export function itemsAt(container, key, lsn) {
  const items = new Map(container.partitions.get(key));
  for (const write of container.history?.journal.toReversed() ?? []) {
    if (write.lsn <= lsn) break;
    if (write.key !== key) continue;
    if (write.before) items.set(write.id, write.before);
    else items.delete(write.id);
  }
  return items;
}

/** What an item was at an LSN: what the first later write of it found, or else what it is. */
export function itemAt(container, key, id, lsn) {
  const later = container.history?.journal.find((write) => write.lsn > lsn && write.key === key && write.id === id);
  return later ? later.before : container.partitions.get(key)?.get(id);
}

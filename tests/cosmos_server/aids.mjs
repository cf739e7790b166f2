/** What tests ask of the server, and Cosmos DB has not: look into the store, move the clock, lag, fail, start over. */
import { liveEntries, partitionOf } from './documents.mjs';

const DEEDS = {
  advance: (store, { seconds }) => { store.ahead += Number(seconds); },
  reset: (store) => store.reset(),
  lag: (store, settings) => store.replicas.set(settings),
  refresh: (store) => store.replicas.refresh(),
  fail: (store, fault) => store.faults.order(fault),
};

const LOOKS = {
  items: (items) => items,
  state: (items, { lsn }) => ({ lsn, items }),
};

/** What is on the primary, in one partition if `key` names it; undefined once a deed is done; null is no such aid. */
export function help({ method, store, query, body }, name) {
  if (method === 'GET' && Object.hasOwn(LOOKS, name)) {
    const container = store.container(query.get('db'), query.get('coll'));
    const key = query.has('key') ? partitionOf(query.get('key')) : undefined;
    return LOOKS[name](liveEntries({ store, container, key }).map(({ document }) => document), container);
  }
  if (method !== 'POST' || !Object.hasOwn(DEEDS, name)) return null;
  DEEDS[name](store, name === 'reset' || name === 'refresh' ? {} : body());
  return undefined;
}

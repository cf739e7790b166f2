/** What tests ask of the server, and Cosmos DB has not: look into the store, move the clock, lag, fail, start over. */
import { liveEntries } from './documents.mjs';

const DEEDS = {
  advance: (store, { seconds }) => { store.ahead += Number(seconds); },
  reset: (store) => store.reset(),
  lag: (store, settings) => store.replicas.set(settings),
  refresh: (store) => store.replicas.refresh(),
  fail: (store, fault) => store.faults.order(fault),
};

/** The items of a container as they are on the primary, or undefined once a deed is done; null is no such aid. */
export function help({ method, store, query, body }, name) {
  if (method === 'GET' && name === 'items') {
    const container = store.container(query.get('db'), query.get('coll'));
    return liveEntries({ store, container }).map(({ document }) => document);
  }
  if (method !== 'POST' || !Object.hasOwn(DEEDS, name)) return null;
  DEEDS[name](store, name === 'reset' || name === 'refresh' ? {} : body());
  return undefined;
}

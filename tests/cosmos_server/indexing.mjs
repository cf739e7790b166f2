/** What the indexing policy lets a query order by. learn: cosmos-db/index-policy, cosmos-db/nosql/query/order-by */
import { badRequest } from './errors.mjs';

/** The policy a container gets when it is created without one. */
export const DEFAULT_POLICY = {
  indexingMode: 'consistent', automatic: true, includedPaths: [{ path: '/*' }], excludedPaths: [{ path: '/"_etag"/?' }],
};

const ALWAYS_INDEXED = new Set(['id', '_ts']);

/** The keys of an index path and whether it covers all below them: `/a/b/*`, `/a/?`, `/"a-b"/?`, `/tags/[]/?`. */
function readIndexPath(path) {
  const keys = [...path.matchAll(/"((?:[^"\\]|\\.)*)"|([^/"]+)/g)].map(([, quoted, plain]) => quoted ?? plain);
  const end = keys.at(-1);
  const open = end === '*' || end === '?' ? keys.pop() === '*' : false;
  return { keys, open };
}

/** How precisely an index path matches: more is more precise, -1 is not at all. The more precise path wins. */
function precision(path, keys) {
  const pattern = readIndexPath(path);
  if (pattern.keys.length > keys.length || !pattern.keys.every((key, i) => key === keys[i])) return -1;
  if (pattern.keys.length < keys.length && !pattern.open) return -1;
  return pattern.keys.length * 2 + (pattern.open ? 0 : 1);
}

function isIndexed(policy, keys) {
  if ((policy.indexingMode ?? 'consistent').toLowerCase() === 'none') return false;
  if (keys.length === 1 && ALWAYS_INDEXED.has(keys[0])) return true;
  const best = (paths) => Math.max(-1, ...(paths ?? []).map(({ path }) => precision(path, keys)));
  return best(policy.includedPaths) > best(policy.excludedPaths);
}

function isComposite(policy, orders) {
  const serves = (index, inverted) => index.length === orders.length && index.every(({ path, order }, i) => {
    const descending = (order ?? 'ascending') === 'descending';
    return readIndexPath(path).keys.join('/') === orders[i].keys.join('/') && descending !== (orders[i].descending === inverted);
  });
  return (policy.compositeIndexes ?? []).some((index) => serves(index, false) || serves(index, true));
}

/** Refuses, as the service does, an ORDER BY that no index serves: each order is `{keys, descending}`. */
export function requireIndexFor(policy, orders) {
  if (orders.length === 1 && !isIndexed(policy, orders[0].keys)) {
    throw badRequest('The index path corresponding to the specified order-by item is excluded.');
  }
  if (orders.length > 1 && !isComposite(policy, orders)) {
    throw badRequest('The order by query does not have a corresponding composite index that it can be served from.');
  }
}

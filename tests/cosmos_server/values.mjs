/** How Cosmos DB orders and measures JSON values. */

const RANKS = ['undefined', 'null', 'boolean', 'number', 'string', 'array', 'object'];

const typeOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

/** Order of two values: undefined, null, booleans, numbers, strings, arrays, objects. learn: cosmos-db/nosql/query/order-by */
export function compareValues(a, b) {
  if (a === b) return 0;
  const [left, right] = [RANKS.indexOf(typeOf(a)), RANKS.indexOf(typeOf(b))];
  if (left !== right) return left - right;
  if (typeof a === 'object') return 0;
  return a < b ? -1 : 1;
}

/** The value at a list of keys; undefined when any of them is missing. */
export function valueAt(value, keys) {
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** How deeply objects and arrays lie in each other; 0 for a plain value. */
export function depthOf(value) {
  if (typeof value !== 'object' || value === null) return 0;
  let deepest = 0;
  for (const child of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof child === 'object' && child !== null) deepest = Math.max(deepest, depthOf(child));
  }
  return deepest + 1;
}

/** Numbers from 0 up to 1 that follow from a seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The value without undefined members and elements, as a query answers it. */
export function withoutUndefined(value) {
  if (Array.isArray(value)) return value.filter((v) => v !== undefined).map(withoutUndefined);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, v]) => v !== undefined).map(([k, v]) => [k, withoutUndefined(v)]));
}

/** Cuts sorted rows into pages that can be continued. learn: cosmos-db/nosql/query/pagination, cosmos-db/concepts-limits */
import { badRequest } from './errors.mjs';
import { compareValues, valueAt, withoutUndefined } from './values.mjs';

const MAX_PAGE_BYTES = 4 * 1024 * 1024;
const DEFAULT_PAGE_ITEMS = 100;

// undefined has no place in JSON: a key is a list of one value, or of none.
const encode = (token) => Buffer.from(JSON.stringify(token)).toString('base64');
const wrap = (value) => (value === undefined ? [] : [value]);

function decode(text) {
  try {
    return JSON.parse(Buffer.from(text, 'base64').toString());
  } catch {
    throw badRequest('Invalid continuation token.');
  }
}

function position(row, ridOf, orders) {
  return { keys: orders.map(([keys]) => wrap(valueAt(row, keys))), rid: ridOf(row) };
}

function compare(a, b, orders) {
  for (let i = 0; i < orders.length; i += 1) {
    const order = compareValues(a.keys[i][0], b.keys[i][0]);
    if (order) return orders[i][1] ? -order : order;
  }
  return compareValues(a.rid, b.rid);
}

function unique(rows) {
  const seen = new Set();
  return rows.filter(([value]) => {
    const text = JSON.stringify(value);
    return seen.has(text) ? false : seen.add(text);
  });
}

/** The rows after the last one given, wherever it stands now; a JOIN gives several rows of one item. */
function after(rows, token, ridOf, orders) {
  let same = 0;
  const start = rows.findIndex(([, row]) => {
    const order = compare(position(row, ridOf, orders), token, orders);
    if (order === 0) same += 1;
    return order > 0 || same > token.same;
  });
  return start < 0 ? [] : rows.slice(start);
}

function fill(rows, most) {
  const page = [];
  let bytes = 0;
  for (const [value] of rows) {
    const result = withoutUndefined(value);
    bytes += Buffer.byteLength(JSON.stringify(result) ?? '');
    if (page.length && (page.length >= most || bytes > MAX_PAGE_BYTES)) break;
    page.push(result);
  }
  return page;
}

/** One page of `[value, row]` rows and the token of the next; `size` -1 leaves only the limit of 4 MB. */
export function pageOf(found, { offset, limit, distinct, size = DEFAULT_PAGE_ITEMS, token: text, ridOf, orders }) {
  const token = text ? decode(text) : undefined;
  const defined = found.filter(([value]) => value !== undefined);
  const rows = distinct ? unique(defined) : defined;
  const given = token?.given ?? 0;
  const rest = (token ? after(rows, token, ridOf, orders) : rows.slice(offset)).slice(0, limit === undefined ? undefined : limit - given);
  const result = rest.length ? fill(rest, size > 0 ? size : Infinity) : [];
  if (result.length >= rest.length) return { result, continuation: undefined };
  const last = position(rest[result.length - 1][1], ridOf, orders);
  const upTo = rest.slice(0, result.length).filter(([, row]) => ridOf(row) === last.rid).length;
  const same = upTo + (token?.rid === last.rid ? token.same : 0);
  return { result, continuation: encode({ ...last, same, given: given + result.length }) };
}

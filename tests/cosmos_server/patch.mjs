/** Partial document update. learn: cosmos-db/partial-document-update, cosmos-db/partial-document-update-faq */
import { badRequest } from './errors.mjs';
import { depthOf } from './values.mjs';

const MAX_OPERATIONS = 10;
const PROTECTED = new Set(['id', '_rid', '_self', '_etag', '_attachments', '_ts']);
const INDEX = /^(?:0|[1-9]\d*)$/;

const isContainer = (value) => typeof value === 'object' && value !== null;

function readPath(path, partitionPath) {
  if (typeof path !== 'string' || !path.startsWith('/') || path === '/') {
    throw badRequest(`Patch path '${path}' must start with '/' and name a property.`);
  }
  const keys = path.slice(1).split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (PROTECTED.has(keys[0]) || `${partitionPath}/`.startsWith(`${path}/`)) {
    throw badRequest(`Patch cannot change the id, the partition key or a system property: '${path}'.`);
  }
  return keys;
}

/** The item being patched: a container is copied when first written to, so the stored one stays as it is. */
class Draft {
  constructor(document) {
    this.copies = new Set();
    this.document = this.copy(document);
  }

  copy(container) {
    if (this.copies.has(container)) return container;
    const copy = Array.isArray(container) ? container.slice() : { ...container };
    this.copies.add(copy);
    return copy;
  }

  /** The object or array that holds the last key; 400 when the way there does not exist. */
  parent(keys) {
    let node = this.document;
    for (const key of keys.slice(0, -1)) {
      if (!exists(node, key) || !isContainer(node[key])) throw badRequest(`Patch path '/${keys.join('/')}' has no parent.`);
      node[key] = this.copy(node[key]);
      node = node[key];
    }
    return node;
  }
}

const exists = (node, key) => (Array.isArray(node) ? INDEX.test(key) && Number(key) < node.length : Object.hasOwn(node, key));

function write(node, key, value) {
  Object.defineProperty(node, key, { value, writable: true, enumerable: true, configurable: true });
}

function add(node, key, value) {
  if (!Array.isArray(node)) return write(node, key, value);
  const index = key === '-' ? node.length : Number(key);
  if (key !== '-' && (!INDEX.test(key) || index > node.length)) throw badRequest(`Array index '${key}' is out of range.`);
  node.splice(index, 0, value);
}

function remove(node, key) {
  if (!exists(node, key)) throw badRequest(`The element '${key}' to be removed does not exist.`);
  if (Array.isArray(node)) node.splice(Number(key), 1);
  else delete node[key];
}

function increment(node, key, value) {
  if (typeof value !== 'number') throw badRequest('The value of an increment must be a number.');
  if (!exists(node, key)) return add(node, key, value);
  if (typeof node[key] !== 'number') throw badRequest(`The element '${key}' to be incremented is not a number.`);
  node[key] += value;
}

function move(draft, from, to, partitionPath) {
  const source = readPath(from, partitionPath);
  if (to.length > source.length && source.every((key, i) => key === to[i])) {
    throw badRequest("The 'path' of a move cannot be a child of its 'from'.");
  }
  const holder = draft.parent(source);
  const key = source.at(-1);
  if (!exists(holder, key)) throw badRequest(`The element '${from}' to be moved does not exist.`);
  const value = holder[key];
  remove(holder, key);
  add(draft.parent(to), to.at(-1), value);
}

function apply(draft, { op, path, from, value }, partitionPath) {
  const keys = readPath(path, partitionPath);
  if (op === 'move') return move(draft, from, keys, partitionPath);
  const [node, key] = [draft.parent(keys), keys.at(-1)];
  if (op === 'remove') return remove(node, key);
  if (value === undefined) throw badRequest(`Patch operation '${op}' needs a value.`);
  if (keys.length + depthOf(value) > 128) throw badRequest('The item is nested deeper than 128 levels.');
  if (op === 'incr') return increment(node, key, value);
  if (op === 'add') return add(node, key, value);
  if (op !== 'set' && op !== 'replace') throw badRequest(`Unknown patch operation '${op}'.`);
  if (op === 'replace' && !exists(node, key)) throw badRequest(`The element '${path}' to be replaced does not exist.`);
  if (exists(node, key)) write(node, key, value);
  else add(node, key, value);
}

/** A new document with all operations applied in order; throws 400, changing nothing, when one of them cannot be. */
export function patched(document, operations, partitionPath) {
  if (!Array.isArray(operations) || operations.length === 0) throw badRequest('A patch needs at least one operation.');
  if (operations.length > MAX_OPERATIONS) throw badRequest(`A patch has at most ${MAX_OPERATIONS} operations.`);
  const draft = new Draft(document);
  for (const operation of operations) apply(draft, operation ?? {}, partitionPath);
  return draft.document;
}

/**
 * Items: create, upsert, read, replace, delete, patch. An entry is `{document, json, size}` and never changes;
 * a write puts a new one in its place. `scope` is `{store, container, key, lsn}`, key being the partition's,
 * lsn what a read is served at by a replica that is behind; without it, the newest there is.
 */
import { badRequest, conflict, notFound, preconditionFailed, tooLarge } from './errors.mjs';
import { deleteCharge, insertCharge, readCharge, replaceCharge } from './charges.mjs';
import { patched } from './patch.mjs';
import { readCondition } from './predicate.mjs';
import { itemAt, itemsAt } from './replicas.mjs';
import { depthOf, valueAt } from './values.mjs';

// learn: cosmos-db/concepts-limits
export const MAX_BYTES = 2 * 1024 * 1024;
const MAX_ID_BYTES = 1023;
const MAX_KEY_BYTES = 2048;
const MAX_DEPTH = 128;
const MAX_TTL = 2 ** 31 - 1;

function checkId(id) {
  if (typeof id !== 'string' || !id) throw badRequest("The input content is invalid because the required property 'id' is missing.");
  if (Buffer.byteLength(id) > MAX_ID_BYTES) throw badRequest('The id is longer than 1023 bytes.');
  if (/[/\\?#]/.test(id)) throw badRequest('The id holds one of / \\ ? #');
}

function checkTtl(document) {
  // learn: cosmos-db/time-to-live
  if (!Object.hasOwn(document, 'ttl')) return;
  const { ttl } = document;
  if (Number.isInteger(ttl) && (ttl === -1 || (ttl > 0 && ttl <= MAX_TTL))) return;
  throw badRequest(`The input ttl '${JSON.stringify(ttl)}' is invalid: it must be -1 or a positive integer up to ${MAX_TTL}.`);
}

/** The name of the partition a key value belongs to, as the header spells it. */
export function partitionOf(value) {
  const key = value === undefined ? '[{}]' : JSON.stringify([value]);
  if (Buffer.byteLength(key) > MAX_KEY_BYTES + 4) throw badRequest('The partition key is longer than 2048 bytes.');
  return key;
}

function checkPartition({ container, key }, document) {
  if (partitionOf(valueAt(document, container.partitionKeys)) === key) return;
  throw badRequest("PartitionKey extracted from document doesn't match the one specified in the header.", 1001);
}

/** An item is gone when its time has come, whether or not anything has removed it. learn: cosmos-db/time-to-live */
export function isExpired({ store, container }, { document }) {
  const { defaultTtl } = container.properties;
  if (defaultTtl === undefined) return false;
  const ttl = document.ttl ?? defaultTtl;
  return ttl !== -1 && store.now() >= document._ts + ttl;
}

function find(scope, id) {
  const { container, key, lsn } = scope;
  const entry = lsn === undefined ? container.partitions.get(key)?.get(id) : itemAt(container, key, id, lsn);
  return entry && !isExpired(scope, entry) ? entry : undefined;
}

function existing(scope, id, ifMatch) {
  const entry = find(scope, id);
  if (!entry) throw notFound('Entity with the specified id does not exist in the system.');
  // learn: cosmos-db/nosql/database-transactions-optimistic-concurrency
  if (ifMatch && ifMatch !== '*' && ifMatch !== entry.document._etag) throw preconditionFailed();
  return entry;
}

/** The live entries of one partition, or of all, in the order they were created. */
export function liveEntries(scope) {
  const { partitions } = scope.container;
  const keys = scope.key === undefined ? [...partitions.keys()] : [scope.key];
  const chosen = keys.map((key) => (scope.lsn === undefined ? partitions.get(key) ?? new Map() : itemsAt(scope.container, key, scope.lsn)));
  const entries = chosen.flatMap((items) => [...items.values()]).filter((entry) => !isExpired(scope, entry));
  return entries.sort((a, b) => (a.document._rid < b.document._rid ? -1 : 1));
}

function put(scope, body, previous) {
  const { store, container, key } = scope;
  const { _rid, _self, _etag, _attachments, _ts, ...document } = body;
  checkId(document.id);
  checkTtl(document);
  checkPartition(scope, document);
  document._rid = previous?.document._rid ?? store.documentRid(container);
  document._self = `${container.self}docs/${document._rid}/`;
  document._etag = store.etag();
  document._attachments = 'attachments/';
  document._ts = store.now();
  const json = JSON.stringify(document);
  const entry = { document, json, size: Buffer.byteLength(json) };
  if (entry.size > MAX_BYTES) throw tooLarge('Request size is too large: an item may have 2 MB.');
  if (!container.partitions.has(key)) container.partitions.set(key, new Map());
  const items = container.partitions.get(key);
  store.replicas.note(container, key, document.id, items.get(document.id));
  if (!previous) items.delete(document.id);
  items.set(document.id, entry);
  return entry;
}

function checkBody(body) {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw badRequest('The body must be a JSON object.');
  if (depthOf(body) > MAX_DEPTH) throw badRequest('The item is nested deeper than 128 levels.');
}

const answer = (status, entry, charge) => ({ status, json: entry.json, etag: entry.document._etag, charge: charge(entry.size) });

export function create(scope, body) {
  checkBody(body);
  if (find(scope, body.id)) throw conflict('Entity with the specified id already exists in the system.');
  return answer(201, put(scope, body), insertCharge);
}

export function upsert(scope, body, { ifMatch } = {}) {
  checkBody(body);
  const previous = find(scope, body.id);
  if (!previous) return create(scope, body);
  existing(scope, body.id, ifMatch);
  return answer(200, put(scope, body, previous), replaceCharge);
}

export function replace(scope, id, body, { ifMatch } = {}) {
  checkBody(body);
  const previous = existing(scope, id, ifMatch);
  // Microsoft does not say what another id in the body does; the test server refuses it.
  if (body.id !== id) throw badRequest('The id in the body is not the id in the address.');
  return answer(200, put(scope, body, previous), replaceCharge);
}

export function read(scope, id, { ifNoneMatch } = {}) {
  const entry = existing(scope, id);
  const found = answer(200, entry, readCharge);
  return ifNoneMatch === found.etag ? { ...found, status: 304, json: '', charge: readCharge(0) } : found;
}

export function remove(scope, id, { ifMatch } = {}) {
  const entry = existing(scope, id, ifMatch);
  scope.store.replicas.note(scope.container, scope.key, id, entry);
  scope.container.partitions.get(scope.key).delete(id);
  return { status: 204, json: '', charge: deleteCharge(entry.size) };
}

/** All operations or none; a missing item is 404 before the condition is even looked at. learn: cosmos-db/partial-document-update */
export function patch(scope, id, { operations, condition } = {}, { ifMatch } = {}) {
  const previous = existing(scope, id, ifMatch);
  if (condition !== undefined && !readCondition(condition)(previous.document)) throw preconditionFailed();
  const document = patched(previous.document, operations, scope.container.properties.partitionKey.paths[0]);
  return answer(200, put(scope, document, previous), replaceCharge);
}

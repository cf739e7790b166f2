/** Databases, containers and the clock, in memory. */
import { badRequest, conflict, notFound } from './errors.mjs';
import { Faults } from './faults.mjs';
import { DEFAULT_POLICY } from './indexing.mjs';
import { Replicas } from './replicas.mjs';

export const OWNER_MISSING = 1003;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

const base64 = (bytes) => bytes.toString('base64').replaceAll('/', '-');

/** A counter as ten letters, so that the order of the ids is the order of creation. */
function letters(count) {
  let text = '';
  for (let rest = count, i = 0; i < 11; i += 1, rest = Math.floor(rest / 26)) text = LETTERS[rest % 26] + text;
  return text;
}

function checkName(id) {
  // learn: cosmos-db/concepts-limits (names of databases and containers)
  if (typeof id !== 'string' || !id || id.length > 255 || /[/\\?#]/.test(id)) throw badRequest(`The name '${id}' is not valid.`);
}

function checkDefaultTtl(ttl) {
  // learn: cosmos-db/time-to-live
  if (ttl === undefined || ttl === -1 || (Number.isInteger(ttl) && ttl > 0 && ttl <= 2 ** 31 - 1)) return;
  throw badRequest('defaultTtl must be -1 or a positive integer up to 2147483647.');
}

export class Store {
  constructor() {
    this.databases = new Map();
    this.ahead = 0;
    this.counter = 0;
    this.replicas = new Replicas(this);
    this.faults = new Faults();
  }

  /** Whole seconds since 1970, moved forward by what the tests asked for. */
  now() {
    return Math.floor(this.milliseconds() / 1000);
  }

  /** The same in milliseconds. */
  milliseconds() {
    return Date.now() + this.ahead * 1000;
  }

  /** Drop everything, lag and ordered faults too. */
  reset() {
    this.databases.clear();
    this.ahead = 0;
    this.replicas.set({ replicas: 0 });
    this.faults.clear();
  }

  /** A new etag, quoted; no two are the same. */
  etag() {
    const hex = (++this.counter).toString(16).padStart(12, '0');
    return `"${process.pid.toString(16).padStart(8, '0')}-0000-0d00-0000-${hex}"`;
  }

  system(rid, self) {
    return { _rid: rid, _self: self, _etag: this.etag(), _ts: this.now() };
  }

  createDatabase({ id } = {}) {
    checkName(id);
    if (this.databases.has(id)) throw conflict(`Database '${id}' already exists.`);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(++this.counter);
    const rid = base64(bytes);
    const database = { id, bytes, containers: new Map() };
    database.properties = { id, ...this.system(rid, `dbs/${rid}/`), _colls: 'colls/', _users: 'users/' };
    this.databases.set(id, database);
    return database;
  }

  database(id, subStatus) {
    const database = this.databases.get(id);
    if (!database) throw notFound(`Database '${id}' does not exist.`, subStatus);
    return database;
  }

  createContainer(databaseId, body = {}) {
    const database = this.database(databaseId, OWNER_MISSING);
    checkName(body.id);
    if (database.containers.has(body.id)) throw conflict(`Container '${body.id}' already exists.`);
    const paths = body.partitionKey?.paths;
    if (!Array.isArray(paths) || paths.length !== 1) throw badRequest('A container needs one partition key path.');
    const bytes = Buffer.concat([database.bytes, Buffer.alloc(4)]);
    bytes.writeUInt32BE((++this.counter | 0x80000000) >>> 0, 4);
    const rid = base64(bytes);
    const container = { id: body.id, rid, partitions: new Map(), lsn: 0, self: `${database.properties._self}colls/${rid}/` };
    database.containers.set(body.id, container);
    return this.setProperties(container, body);
  }

  /** A container's settings; what is not given gets the service's default. */
  setProperties(container, body) {
    checkDefaultTtl(body.defaultTtl);
    container.partitionKeys = body.partitionKey.paths[0].slice(1).split('/');
    container.properties = {
      indexingPolicy: DEFAULT_POLICY, conflictResolutionPolicy: { mode: 'LastWriterWins', conflictResolutionPath: '/_ts' },
      ...body, ...this.system(container.rid, container.self), _docs: 'docs/', _sprocs: 'sprocs/', _triggers: 'triggers/',
      _udfs: 'udfs/', _conflicts: 'conflicts/',
    };
    return container;
  }

  replaceContainer(databaseId, containerId, body) {
    const container = this.container(databaseId, containerId);
    if (body?.id !== containerId || body.partitionKey?.paths?.[0] !== container.properties.partitionKey.paths[0]) {
      throw badRequest('The id and the partition key of a container cannot be changed.');
    }
    return this.setProperties(container, body);
  }

  container(databaseId, containerId, subStatus) {
    const container = this.database(databaseId, OWNER_MISSING).containers.get(containerId);
    if (!container) throw notFound(`Container '${containerId}' does not exist.`, subStatus);
    return container;
  }

  /** The container an item request is for: 404 with sub-status 1003 when it, or its database, is missing. */
  ownerOfItems(databaseId, containerId) {
    return this.container(databaseId, containerId, OWNER_MISSING);
  }

  documentRid(container) {
    return `${container.rid.slice(0, 10)}${letters(++this.counter)}A==`;
  }
}

/**
 * What each address answers: `{status, json, etag, charge, headers}`.
 * learn: rest/api/cosmos-db/cosmosdb-resource-uri-syntax-for-rest
 */
import { help } from './aids.mjs';
import { runBatch } from './batch.mjs';
import { SMALLEST_CHARGE } from './charges.mjs';
import * as documents from './documents.mjs';
import { badRequest, CosmosError, notFound } from './errors.mjs';
import { planQuery } from './plan.mjs';
import { runQuery } from './query.mjs';
import { wantedLsn } from './replicas.mjs';
import { OWNER_MISSING } from './store.mjs';

const RID_MISMATCH = 1024;
const RBAC_REFUSAL = 5300;
// The refusals that a partition range gives, unlike those of the gateway before it.
const FROM_THE_RANGE = new Set([404, 409, 412, 449]);

const isTrue = (header) => header?.toLowerCase() === 'true';
const ok = (value, status = 200) => ({ status, json: JSON.stringify(value), etag: value._etag, charge: SMALLEST_CHARGE });
const gone = () => ({ status: 204, json: '', charge: SMALLEST_CHARGE });
const feed = (rid, name, values) => ok({ _rid: rid, [name]: values, _count: values.length });

function account({ headers }) {
  const location = { name: 'Test', databaseAccountEndpoint: `http://${headers.host}/` };
  return ok({
    id: 'parley-test', _rid: 'parley-test.invalid', _self: '', media: '//media/', addresses: '//addresses/', _dbs: '//dbs/',
    writableLocations: [location], readableLocations: [location], enableMultipleWriteLocations: false,
    userConsistencyPolicy: { defaultConsistencyLevel: 'Session' },
    userReplicationPolicy: { minReplicaSetSize: 1, maxReplicasetSize: 1, asyncReplication: false },
  });
}

/**
 * Roles for the data plane cannot manage databases and containers.
 * learn: cosmos-db/nosql/security/how-to-grant-data-plane-role-based-access
 */
function requireManager({ options }) {
  if (!options.readOnly) return;
  throw new CosmosError(403, 'The request is blocked: it needs a permission that no data plane role has.', RBAC_REFUSAL);
}

function databases(request, [id]) {
  const { method, store, body } = request;
  if (method === 'GET' && id === undefined) return feed('', 'Databases', [...store.databases.values()].map((d) => d.properties));
  if (method === 'GET') return ok(store.database(id).properties);
  requireManager(request);
  if (method === 'POST' && id === undefined) return ok(store.createDatabase(body()).properties, 201);
  if (method !== 'DELETE' || id === undefined) return undefined;
  store.databases.delete(store.database(id).id);
  return gone();
}

function containers(request, [databaseId, , id]) {
  const { method, store, body } = request;
  if (method === 'GET' && id === undefined) {
    const { properties, containers: all } = store.database(databaseId);
    return feed(properties._rid, 'DocumentCollections', [...all.values()].map((c) => c.properties));
  }
  if (method === 'GET') return ok(store.container(databaseId, id).properties);
  requireManager(request);
  if (method === 'POST' && id === undefined) return ok(store.createContainer(databaseId, body()).properties, 201);
  if (method === 'PUT' && id !== undefined) return ok(store.replaceContainer(databaseId, id, body()).properties);
  if (method !== 'DELETE' || id === undefined) return undefined;
  store.database(databaseId).containers.delete(store.container(databaseId, id).id);
  return gone();
}

/** The one partition range there is. The SDK reads it like a change feed: asked again with its etag, nothing is new. */
function ranges({ headers }, container) {
  const etag = `"${container.rid}-0"`;
  if (headers['if-none-match'] === etag) return { status: 304, json: '', etag, charge: SMALLEST_CHARGE };
  const range = {
    id: '0', minInclusive: '', maxExclusive: 'FF', ridPrefix: 0, throughputFraction: 1, status: 'online', parents: [],
    _rid: `${container.rid.slice(0, 10)}AAAAAAAAAAUA==`, _self: `${container.self}pkranges/0/`, _etag: etag,
  };
  return { ...feed(container.rid, 'PartitionKeyRanges', [range]), etag };
}

function scopeOf({ store, headers }, container, { required }) {
  const intended = headers['x-ms-cosmos-intended-collection-rid'];
  if (intended && intended !== container.rid) throw badRequest('The container was created anew.', RID_MISMATCH);
  const header = headers['x-ms-documentdb-partitionkey'];
  if (header === undefined && required) throw badRequest('PartitionKey value must be supplied for this operation.');
  return { store, container, key: header === undefined ? undefined : readPartitionKey(header) };
}

function readPartitionKey(header) {
  try {
    const [value] = JSON.parse(header);
    return documents.partitionOf(typeof value === 'object' && value !== null ? undefined : value);
  } catch (error) {
    throw error instanceof CosmosError ? error : badRequest('The partition key header must be a JSON array of one value.');
  }
}

function queried(request, container, query, { everywhere = false, lsn }) {
  const { headers } = request;
  const scope = { ...scopeOf(request, container, { required: false }), lsn };
  const size = Number(headers['x-ms-max-item-count']) || undefined;
  const page = runQuery(container, documents.liveEntries(scope), query, {
    size, token: headers['x-ms-continuation'], partitioned: scope.key !== undefined,
    crossPartition: isTrue(headers['x-ms-documentdb-query-enablecrosspartition']),
    ranged: everywhere || headers['x-ms-documentdb-partitionkeyrangeid'] !== undefined,
  });
  return {
    status: 200, charge: page.charge, json: `{"_rid":"${container.rid}","Documents":${page.json},"_count":${page.count}}`,
    headers: { 'x-ms-item-count': page.count, ...(page.continuation && { 'x-ms-continuation': page.continuation }) },
  };
}

function allItems(request, container, lsn) {
  if (request.headers['a-im']) throw badRequest('The change feed is not supported by this test server.');
  return queried(request, container, { query: 'SELECT * FROM c' }, { everywhere: true, lsn });
}

function posted(request, container, lsn) {
  const { headers, body } = request;
  if (isTrue(headers['x-ms-cosmos-is-query-plan-request'])) return ok(planQuery(body()));
  if (kindOf(request) === 'query') return queried(request, container, body(), { lsn });
  const scope = scopeOf(request, container, { required: true });
  if (isTrue(headers['x-ms-cosmos-is-batch-request'])) return runBatch(scope, body());
  if (isTrue(headers['x-ms-documentdb-is-upsert'])) return documents.upsert(scope, body(), conditionsOf(headers));
  return documents.create(scope, body());
}

const conditionsOf = (headers) => ({ ifMatch: headers['if-match'], ifNoneMatch: headers['if-none-match'] });

const ITEM = {
  GET: (scope, id, body, conditions) => documents.read(scope, id, conditions),
  PUT: (scope, id, body, conditions) => documents.replace(scope, id, body(), conditions),
  PATCH: (scope, id, body, conditions) => documents.patch(scope, id, body(), conditions),
  DELETE: (scope, id, body, conditions) => documents.remove(scope, id, conditions),
};

/** What a request for items is: a query, the read of an item, or a write. */
function kindOf({ method, headers }, id) {
  if (method === 'GET') return id === undefined ? 'query' : 'read';
  const isQuery = isTrue(headers['x-ms-documentdb-isquery']) || headers['content-type']?.startsWith('application/query+json');
  return method === 'POST' && isQuery ? 'query' : 'write';
}

/** Reads are served by a replica, writes by the primary; what either answers, or refuses, carries its LSN. */
async function items(request, [databaseId, , containerId, , id]) {
  const { store, headers } = request;
  const container = store.ownerOfItems(databaseId, containerId);
  const token = headers['x-ms-session-token'];
  let lsn;
  try {
    const kind = kindOf(request, id);
    store.faults.meet(kind, id);
    if (kind === 'write') wantedLsn(token);
    else lsn = await store.replicas.serve(container, token);
    const at = store.replicas.lag ? lsn : undefined;
    const answer = id === undefined ? feedOf(request, container, at) : itemOf(request, container, id, at);
    return answer && { ...answer, headers: { ...sessionOf(databaseId, container, lsn), ...answer.headers } };
  } catch (error) {
    const told = error instanceof CosmosError && FROM_THE_RANGE.has(error.status) && error.subStatus !== OWNER_MISSING;
    if (told) error.headers = { ...sessionOf(databaseId, container, error.lsn ?? lsn), ...error.headers };
    throw error;
  }
}

function itemOf(request, container, id, lsn) {
  const { method, headers, body } = request;
  return ITEM[method]?.({ ...scopeOf(request, container, { required: true }), lsn }, id, body, conditionsOf(headers));
}

function feedOf(request, container, lsn) {
  if (request.method === 'POST') return posted(request, container, lsn);
  return request.method === 'GET' ? allItems(request, container, lsn) : undefined;
}

/** Where an answer was made, so that a client can ask for no older one; of the primary's state now without an LSN. */
function sessionOf(databaseId, container, lsn = container.lsn) {
  return {
    'x-ms-session-token': `0:-1#${lsn}`, lsn, 'x-ms-content-path': container.rid,
    'x-ms-alt-content-path': `dbs/${encodeURIComponent(databaseId)}/colls/${encodeURIComponent(container.id)}`,
    'x-ms-documentdb-partitionkeyrangeid': '0',
  };
}

function aid(request, name) {
  const found = help(request, name);
  if (found === null) return undefined;
  return found === undefined ? gone() : ok(found);
}

function dispatch(request) {
  const [root, ...rest] = request.segments;
  if (root === undefined && request.method === 'GET') return account(request);
  if (root === '_test') return aid(request, rest[0]);
  if (root === 'offers') return feed('', 'Offers', []);
  if (root !== 'dbs' || rest.length > 5) return undefined;
  if (rest.length <= 1) return databases(request, rest);
  if (rest[1] === 'colls' && rest.length <= 3) return containers(request, rest);
  if (rest[3] === 'pkranges') return ranges(request, request.store.ownerOfItems(rest[0], rest[2]));
  return rest[3] === 'docs' ? items(request, rest) : undefined;
}

/** The answer to a request; a refusal is thrown. */
export async function answer(request) {
  const result = await dispatch(request);
  if (!result) throw notFound(`There is no ${request.method} /${request.segments.join('/')}.`);
  return result;
}

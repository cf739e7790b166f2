/** Transactional batch: all operations on one partition, or none. learn: cosmos-db/transactional-batch, cosmos-db/concepts-limits */
import { SMALLEST_CHARGE } from './charges.mjs';
import * as documents from './documents.mjs';
import { badRequest, CosmosError } from './errors.mjs';

const MAX_OPERATIONS = 100;

const OPERATIONS = {
  create: (scope, { resourceBody }) => documents.create(scope, resourceBody),
  upsert: (scope, { resourceBody }, conditions) => documents.upsert(scope, resourceBody, conditions),
  read: (scope, { id }, conditions) => documents.read(scope, id, conditions),
  replace: (scope, { id, resourceBody }, conditions) => documents.replace(scope, id, resourceBody, conditions),
  delete: (scope, { id }, conditions) => documents.remove(scope, id, conditions),
  patch: (scope, { id, resourceBody }, conditions) => documents.patch(scope, id, resourceBody, conditions),
};

function run(scope, operation) {
  const perform = OPERATIONS[String(operation?.operationType).toLowerCase()];
  if (!perform) throw badRequest(`Unknown batch operation '${operation?.operationType}'.`);
  const { ifMatch, ifNoneMatch } = operation;
  const { status, json, etag, charge } = perform(scope, operation, { ifMatch, ifNoneMatch });
  return { statusCode: status, requestCharge: charge, eTag: etag, resourceBody: json ? JSON.parse(json) : undefined };
}

/** What became of each operation: their answers, or one refusal and 424 for all the others with nothing changed. */
export function runBatch(scope, operations) {
  if (!Array.isArray(operations) || !operations.length) throw badRequest('A batch needs at least one operation.');
  if (operations.length > MAX_OPERATIONS) throw badRequest(`A batch has at most ${MAX_OPERATIONS} operations.`);
  const { partitions } = scope.container;
  const before = new Map(partitions.get(scope.key));
  const results = [];
  try {
    scope.store.replicas.asOne(scope.container, () => {
      for (const operation of operations) results.push(run(scope, operation));
    });
  } catch (error) {
    if (!(error instanceof CosmosError)) throw error;
    partitions.set(scope.key, before);
    return failed(operations.length, results.length, error);
  }
  const charge = results.reduce((sum, { requestCharge }) => sum + requestCharge, 0);
  return { status: 200, json: JSON.stringify(results), charge };
}

function failed(count, culprit, error) {
  const results = Array.from({ length: count }, (_, i) => ({ statusCode: i === culprit ? error.status : 424, requestCharge: 0 }));
  return { status: 207, json: JSON.stringify(results), charge: SMALLEST_CHARGE };
}

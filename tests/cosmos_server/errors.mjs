/** An answer that is a refusal: status, message and, where Cosmos DB gives one, a sub-status. */
export class CosmosError extends Error {
  constructor(status, message, subStatus) {
    super(message);
    this.status = status;
    this.subStatus = subStatus;
  }
}

// learn: rest/api/cosmos-db/http-status-codes-for-cosmosdb
const CODES = {
  400: 'BadRequest', 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 405: 'MethodNotAllowed',
  409: 'Conflict', 412: 'PreconditionFailed', 413: 'RequestEntityTooLarge', 424: 'FailedDependency',
};

/** The JSON body of a refusal. */
export function errorBody(error) {
  return JSON.stringify({ code: CODES[error.status] ?? 'InternalServerError', message: error.message });
}

export const badRequest = (message, subStatus) => new CosmosError(400, message, subStatus);
export const notFound = (message, subStatus) => new CosmosError(404, message, subStatus);
export const conflict = (message) => new CosmosError(409, message);
export const tooLarge = (message) => new CosmosError(413, message);
export const preconditionFailed = () =>
  new CosmosError(412, 'Operation cannot be performed because one of the specified precondition is not met.');

/** Answers that a test has ordered in advance: each takes the place of one request, which is then not carried out. */
import { badRequest, CosmosError } from './errors.mjs';

const KINDS = ['read', 'query', 'write', 'any'];

export class Faults {
  constructor() {
    this.waiting = [];
  }

  /**
   * Order the answer of the next `times` requests of a kind, after `skip` of them; with `item` only those for that
   * item, which a query never is.
   */
  order({ status, subStatus, on = 'read', item, times = 1, skip = 0, retryAfterMs }) {
    if (!Number.isInteger(status) || status < 400 || !KINDS.includes(on)) throw badRequest('A fault needs a status and a known kind.');
    this.waiting.push({ status, subStatus, on, item, times, skip, retryAfterMs });
  }

  clear() {
    this.waiting = [];
  }

  /** Throws the first ordered answer that fits a request. */
  meet(kind, item) {
    for (const fault of this.waiting) {
      if ((fault.on !== kind && fault.on !== 'any') || (fault.item !== undefined && fault.item !== item)) continue;
      if (fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      fault.times -= 1;
      if (fault.times <= 0) this.waiting.splice(this.waiting.indexOf(fault), 1);
      const error = new CosmosError(fault.status, 'A test ordered this answer.', fault.subStatus);
      if (fault.retryAfterMs !== undefined) error.headers = { 'x-ms-retry-after-ms': fault.retryAfterMs };
      throw error;
    }
  }
}

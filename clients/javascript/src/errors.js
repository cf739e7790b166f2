/** What can go wrong between a caller and Parley. */

/** @import { FieldError, Problem } from "./types.js" */

/**
 * Parley refused a request, or gave no answer to it.
 *
 * After status 0, 429, 502, 503 and 504 the request may have been carried out all the same; it was repeated as often
 * as was safe.
 */
export class ParleyError extends Error {
  /**
   * @param {string} message
   * @param {{ status?: number, problem?: Problem | null, headers?: Headers, cause?: unknown }} [facts]
   */
  constructor(message, { status = 0, problem = null, headers, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ParleyError";
    /** The status of the answer; 0 where there was none. */
    this.status = status;
    /** The `code` of the problem document, such as `session_not_found`; null where the answer was not Parley's own. */
    this.code = problem?.code ?? null;
    /** What Parley says about it, in words. */
    this.detail = problem?.detail ?? message;
    /** @type {FieldError[]} Which fields or parameters broke which rule. */
    this.errors = problem?.errors ?? [];
    /** @type {string | null} The name of the request in Parley's log. */
    this.requestId = problem?.request_id ?? headers?.get("x-request-id") ?? null;
    /** @type {number | null} The seconds that Parley asked to wait, if it did. */
    this.retryAfter = retryAfterSeconds(headers?.get("retry-after") ?? null, Date.now());
    /** The whole problem document, null where there was none. */
    this.problem = problem;
  }
}

/**
 * Returns the seconds that a Retry-After header asks for, as a number or as a date; null for anything else.
 *
 * @param {string | null} value
 * @param {number} nowMilliseconds
 */
export function retryAfterSeconds(value, nowMilliseconds) {
  if (value === null) return null;
  if (/^\d+$/.test(value.trim())) return Number(value);
  const moment = Date.parse(value);
  return Number.isNaN(moment) ? null : Math.max((moment - nowMilliseconds) / 1000, 0);
}

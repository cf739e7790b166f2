/** One user's way to Parley: who asks, how a request is sent and repeated, and how its answer is understood. */

import { withAnswer } from "./answers.js";
import { ParleyError } from "./errors.js";
import { pause } from "./pause.js";

/** @import { ParleyOptions, Problem } from "./types.js" */

const BUSY = new Set([429, 502, 503, 504]); // from Parley, or from what stands before it
const MODELS_FAULT = new Set(["model_failed", "model_timeout"]); // the caller decides whether to pay for another try
const FIRST_PAUSE_SECONDS = 0.25;
const LONGEST_PAUSE_SECONDS = 10;
const HEADER_TEXT = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const TOKEN = "x-session-token";
const TOKEN_CHARACTERS = 256; // Parley ignores longer ones
const DEFAULT_RETRIES = 4;

/**
 * A request, as data.
 *
 * @typedef {object} Call
 * @property {string} method
 * @property {string} path below the address of Parley
 * @property {object} [query] lists are repeated, what is undefined or null is left out
 * @property {unknown} [body] JSON
 * @property {Record<string, string | undefined>} [headers] those without a value are not sent
 * @property {AbortSignal} [signal]
 * @property {boolean} [once] it must not be sent again: a second one would make a second thing
 * @property {boolean} [goneIsDone] on a repeat, 404 says that the first one was carried out
 * @property {boolean} [streamed] the body of a good answer is left to the caller
 */

/**
 * An answer; `text` is its whole body, empty where that is left to the caller.
 *
 * @typedef {{ response: Response, text: string }} Reply
 */

/** @typedef {{ url: string, init: RequestInit & { headers: Record<string, string> } }} Sendable */

export class Connection {
  /** @type {Record<string, string>} */
  #headers = {};
  /** @type {object} */
  #identity = {};
  #address;
  #fetch;
  #maxRetries;

  /** @param {ParleyOptions} [options] */
  constructor({ baseUrl = "", userId, functionKey, fetch, maxRetries = DEFAULT_RETRIES } = {}) {
    this.#address = baseUrl.replace(/\/+$/, "").replace(/\/api(\/chat)?$/, "");
    this.#fetch = fetch;
    this.#maxRetries = maxRetries;
    if (functionKey) this.#headers["x-functions-key"] = functionKey;
    if (userId && HEADER_TEXT.test(userId)) this.#headers["x-user-id"] = userId;
    else if (userId) this.#identity = { user_id: userId }; // no header can hold 李雷
  }

  /** How often a request is sent again at most. */
  get maxRetries() {
    return this.#maxRetries;
  }

  /**
   * Returns the JSON of an answer; an empty object where there is nothing to say, null where nothing has changed.
   *
   * @param {Call} call
   * @returns {Promise<any>}
   */
  async json(call) {
    const { response, text } = await this.send(call);
    if (response.status === 304) return null;
    const said = response.status === 204 || !response.ok ? {} : parsed(text);
    if (said === null || typeof said !== "object") {
      throw new ParleyError("The answer cannot be read: is this Parley's address?", response);
    }
    return withAnswer(said, response);
  }

  /**
   * Yields what a list holds, page by page to its end.
   *
   * @param {Call} call
   * @returns {AsyncGenerator<any, void, undefined>}
   */
  async *pages(call) {
    for (let query = call.query; ; ) {
      const page = await this.json({ ...call, query });
      yield* page.data;
      if (!page.has_more) return;
      query = { ...query, before: undefined, after: undefined, cursor: page.next_cursor };
    }
  }

  /**
   * Yields the parts of an export.
   *
   * @param {Call} call
   * @returns {AsyncGenerator<string, void, undefined>}
   */
  async *parts(call) {
    for (let query = call.query; ; ) {
      const { response, text } = await this.send({ ...call, query });
      yield text;
      const cursor = response.headers.get("x-next-cursor");
      if (!cursor) return;
      query = { ...query, cursor };
    }
  }

  /**
   * Sends a request, and again while Parley is busy or its answer got lost, as long as repeating is safe.
   *
   * @param {Call} call
   * @returns {Promise<Reply>}
   */
  async send(call) {
    const request = this.#request(call);
    for (let tried = 1; ; tried++) {
      const outcome = await this.#try(request, call);
      if (isAnswered(outcome, call, tried > 1)) return outcome;
      const error = errorOf(outcome);
      const wait = this.#wait(call, error, tried);
      if (wait === null) throw error;
      await pause(wait, call.signal);
    }
  }

  /**
   * @param {Call} call
   * @returns {Sendable}
   */
  #request({ method, path, query, body, headers = {}, signal }) {
    const url = this.#address + path + search({ ...query, ...this.#identity });
    const given = Object.entries(headers).filter((header) => header[1] !== undefined);
    const sent = /** @type {Record<string, string>} */ (Object.fromEntries(given));
    if (body !== undefined) sent["content-type"] = "application/json";
    const init = { method, signal, body: JSON.stringify(body), headers: sent };
    new Request(url, init); // a mistake is thrown here, and not taken for a network that failed
    return { url, init };
  }

  /**
   * @param {Sendable} request
   * @param {Call} call
   * @returns {Promise<Reply | { lost: unknown }>}
   */
  async #try({ url, init }, { signal, streamed = false }) {
    try {
      const send = this.#fetch ?? globalThis.fetch; // called without `this`, which browsers insist on
      const response = await send(url, { ...init, headers: { ...this.#headers, ...init.headers } });
      this.#learn(response);
      return { response, text: streamed && response.ok ? "" : await response.text() };
    } catch (error) {
      signal?.throwIfAborted();
      return { lost: error };
    }
  }

  /**
   * Remembers how new the next answer must be.
   *
   * @param {Response} response
   */
  #learn(response) {
    const token = response.headers.get(TOKEN) ?? "";
    if (token.length <= TOKEN_CHARACTERS && HEADER_TEXT.test(token)) this.#headers[TOKEN] = token;
  }

  /**
   * Returns the seconds to wait before the next try, null where there is none.
   *
   * @param {Call} call
   * @param {ParleyError} error
   * @param {number} tried
   */
  #wait(call, error, tried) {
    if (call.once || tried > this.#maxRetries || !mayPass(error)) return null;
    const grown = Math.min(FIRST_PAUSE_SECONDS * 2 ** (tried - 1), LONGEST_PAUSE_SECONDS);
    const wanted = Math.max(error.retryAfter ?? 0, grown * (0.5 + Math.random() / 2)); // spreads clients
    return wanted <= LONGEST_PAUSE_SECONDS ? wanted : null;
  }
}

/**
 * Returns whether asking again may help.
 *
 * @param {ParleyError} error
 */
function mayPass({ status, code }) {
  return status === 0 || (BUSY.has(status) && !MODELS_FAULT.has(code ?? ""));
}

/**
 * @param {Reply | { lost: unknown }} outcome
 * @param {Call} call
 * @param {boolean} repeated
 * @returns {outcome is Reply}
 */
function isAnswered(outcome, { goneIsDone = false }, repeated) {
  if ("lost" in outcome) return false;
  const { response, text } = outcome;
  const isGone = response.status === 404 && Boolean(problemOf(text));
  return response.ok || response.status === 304 || (goneIsDone && repeated && isGone);
}

/** @param {Reply | { lost: unknown }} outcome */
function errorOf(outcome) {
  if ("lost" in outcome) return new ParleyError("no answer", { cause: outcome.lost });
  const { status, statusText, headers } = outcome.response;
  const problem = problemOf(outcome.text);
  return new ParleyError(problem?.detail ?? `answered ${status} ${statusText}`.trim(), { status, problem, headers });
}

/**
 * Returns a problem document of Parley's; null for anything else, such as a gateway's page.
 *
 * @param {string} text
 * @returns {Problem | null}
 */
function problemOf(text) {
  const said = parsed(text);
  return typeof said?.code === "string" ? said : null;
}

/**
 * @param {string} text
 * @returns {any}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Returns a query as part of an address; lists are repeated, what is undefined or null is left out.
 *
 * @param {object} query
 */
function search(query) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) found.append(name, String(one));
    }
  }
  const text = found.toString();
  return text && `?${text}`;
}

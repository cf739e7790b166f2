/**
 * A Cosmos DB server for tests: REST over plain http, everything in memory.
 * Usage: node server.mjs [--port 0] [--host 127.0.0.1] [--key BASE64] [--read-only] [--exit-with-stdin] [--lag JSON]
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { verifySignature } from './auth.mjs';
import { SMALLEST_CHARGE } from './charges.mjs';
import { MAX_BYTES } from './documents.mjs';
import { badRequest, CosmosError, errorBody, tooLarge } from './errors.mjs';
import { answer } from './routes.mjs';
import { Store } from './store.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' }, host: { type: 'string', default: '127.0.0.1' }, key: { type: 'string' },
    'read-only': { type: 'boolean', default: false }, 'exit-with-stdin': { type: 'boolean', default: false },
    lag: { type: 'string' },
  },
});
const store = new Store();
if (options.lag) store.replicas.set(JSON.parse(options.lag));

/** The whole body; one over 2 MB is read to its end, so that the connection stays usable, and refused. learn: cosmos-db/concepts-limits */
async function readBody(message) {
  const chunks = [];
  let size = 0;
  for await (const chunk of message) {
    size += chunk.length;
    if (size <= MAX_BYTES) chunks.push(chunk);
  }
  if (size > MAX_BYTES) throw tooLarge('Request size is too large: a request may have 2 MB.');
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('The request payload is not valid JSON.');
  }
}

function segmentsOf(pathname) {
  try {
    return pathname.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    throw badRequest('The address is not valid.');
  }
}

async function respond(message) {
  const text = await readBody(message);
  const url = new URL(message.url, 'http://localhost');
  const { method, headers } = message;
  const segments = segmentsOf(url.pathname);
  if (options.key && segments[0] !== '_test') verifySignature(options.key, method, segments, headers);
  const request = {
    method, headers, segments, store, query: url.searchParams, body: () => parseBody(text), options: { readOnly: options['read-only'] },
  };
  const result = await answer(request);
  // learn: rest/api/cosmos-db/common-cosmosdb-rest-request-headers (Prefer)
  const minimal = headers.prefer === 'return=minimal' && method !== 'GET' && segments[4] === 'docs' && result.etag;
  return minimal ? { ...result, json: '' } : result;
}

function refusal(error) {
  if (!(error instanceof CosmosError)) {
    // A client that hung up in the middle of its request is no news.
    if (error.code !== 'ECONNRESET') console.error(error);
    return { status: 500, json: errorBody(error) };
  }
  return { status: error.status, json: errorBody(error), headers: { ...error.headers, ...(error.subStatus && { 'x-ms-substatus': error.subStatus }) } };
}

function send(response, { status, json, etag, charge = SMALLEST_CHARGE, headers }) {
  const bodiless = status === 204 || status === 304;
  response.writeHead(status, {
    'content-type': 'application/json', 'x-ms-request-charge': charge, 'x-ms-activity-id': randomUUID(),
    'x-ms-serviceversion': 'version=2.14.0.0', ...(!bodiless && { 'content-length': Buffer.byteLength(json) }),
    ...(etag && { etag }), ...headers,
  });
  response.end(json);
}

const server = createServer((message, response) => {
  respond(message).catch(refusal).then((result) => send(response, result));
});
// A connection the client keeps is never closed under it.
server.keepAliveTimeout = 0;
server.requestTimeout = 0;
server.headersTimeout = 0;
server.listen(Number(options.port), options.host, () => {
  process.stdout.write(`listening http://${options.host}:${server.address().port}\n`);
});

process.on('SIGTERM', () => process.exit(0));
if (options['exit-with-stdin']) process.stdin.on('close', () => process.exit(0)).resume();

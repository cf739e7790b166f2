/** The master key signature. learn: rest/api/cosmos-db/access-control-on-cosmosdb-resources */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { CosmosError } from './errors.mjs';

function signedResource(segments) {
  const owner = segments.length % 2 ? segments.slice(0, -1) : segments;
  return { type: segments.at(segments.length % 2 ? -1 : -2) ?? '', link: owner.join('/') };
}

/** Throws 401 unless the request is signed with the key. */
export function verifySignature(key, method, segments, headers) {
  const { type, link } = signedResource(segments);
  const text = `${method.toLowerCase()}\n${type.toLowerCase()}\n${link}\n${(headers['x-ms-date'] ?? '').toLowerCase()}\n\n`;
  const expected = createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest();
  const token = decodeURIComponent(headers.authorization ?? '');
  const given = Buffer.from(/sig=(.*)$/.exec(token)?.[1] ?? '', 'base64');
  if (given.length === expected.length && timingSafeEqual(given, expected)) return;
  throw new CosmosError(401, 'The input authorization token cannot serve the request.');
}

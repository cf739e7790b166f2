/** Ids of frameworks as Parley has them. */

const SESSION_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const MESSAGE_ID = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/;
const HASH_CHARACTERS = 32;

/**
 * Returns a conversation's id itself where Parley's grammar allows it, else `x-` and a hash of it, always the same.
 *
 * The hash needs `crypto.subtle`, which pages have on https and on localhost only.
 *
 * @param {string} original
 */
export async function sessionIdFor(original) {
  if (SESSION_ID.test(original)) return original;
  const escaped = JSON.stringify(original).replace(/[\x7f-\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`; // as the Python client and the importers do
  });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(escaped)));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `x-${hex.slice(0, HASH_CHARACTERS)}`;
}

/**
 * Returns ids for messages by their places: their own, else one by the place where it is empty, odd or there twice.
 *
 * @param {string[]} originals
 */
export function messageIdsFor(originals) {
  const seen = new Set();
  return originals.map((original, place) => {
    const id = MESSAGE_ID.test(original) && !seen.has(original) ? original : `x-${place + 1}`;
    seen.add(id);
    return id;
  });
}

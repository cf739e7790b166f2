/** Clients of the real Parley whose address is in PARLEY_URL. */

import { Parley, newId } from "parley-client";

export const url = process.env.PARLEY_URL ?? "";

/** A client of a user who has nothing yet, that tells what it asks for, and may lose answers. */
export function newcomer({ userId = newId() } = {}) {
  /** @type {string[]} */
  const asked = [];
  const network = { lose: 0, userId, asked };
  const fetch = /** @type {typeof globalThis.fetch} */ (
    async (address, init) => {
      const answer = await globalThis.fetch(address, init);
      if (network.lose-- > 0) {
        await answer.arrayBuffer(); // an answer that nobody reads would keep its connection, and the process, for long
        throw new TypeError("fetch failed");
      }
      asked.push(`${init?.method} ${new URL(String(address)).pathname.split("/").slice(5).join("/")}`.trim());
      return answer;
    }
  );
  return { parley: new Parley({ baseUrl: url, userId, fetch }), network };
}

/** @param {AsyncIterable<any>} items */
export async function all(items) {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What one request takes of a long list of messages. */

/** @import { MessageInput } from "./types.js" */

const REQUEST_MESSAGES = 200;
const REQUEST_BYTES = 1_200_000; // of the 1.25 MiB that Parley takes as stored JSON
const MESSAGE_BYTES = 400; // what it stores besides what was sent

/**
 * Cuts messages into lists that Parley takes in one request each.
 *
 * @param {MessageInput[]} messages
 */
export function batchesOf(messages) {
  const batches = /** @type {MessageInput[][]} */ ([]);
  let room = 0;
  for (const message of messages) {
    const size = new TextEncoder().encode(JSON.stringify(message)).length + MESSAGE_BYTES;
    const last = batches.at(-1);
    if (last && last.length < REQUEST_MESSAGES && size <= room) {
      last.push(message);
      room -= size;
    } else {
      batches.push([message]);
      room = REQUEST_BYTES - size;
    }
  }
  return batches;
}

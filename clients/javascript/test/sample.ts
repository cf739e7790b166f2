/** What a user of the package may write, in TypeScript. */

import { Parley, ParleyError, answerOf } from "parley-client";
import type { Message, TurnEvent } from "parley-client";

declare const process: { env: { PARLEY_URL?: string } };

const parley = new Parley({ baseUrl: process.env.PARLEY_URL, userId: crypto.randomUUID() });

const session = await parley.createSession({ session_name: "A first chat" });
const appended = await parley.appendMessages(session.id, [
  { role: "user", content: "Hello!" },
  { role: "assistant", content: "Hi there.", metadata: { model: "none" } },
]);
const etag: string | null = answerOf(appended).etag;
const unchanged: Message[] | undefined = (await parley.getSession(session.id, { ifNoneMatch: etag ?? "" }))?.messages;
if (unchanged) throw new Error("it has changed");

try {
  await parley.updateSession(session.id, { pinned: true }, { ifMatch: '"another"', signal: AbortSignal.timeout(10_000) });
} catch (error) {
  if (!(error instanceof ParleyError) || error.code !== "precondition_failed") throw error;
}

for await (const { seq, content } of parley.messages(session.id)) console.log(seq, content);

export async function textOf(events: AsyncIterable<TurnEvent>): Promise<string> {
  let text = "";
  for await (const event of events) {
    if (event.type === "delta") text += event.data.text;
    if (event.type === "error") throw new Error(event.data.detail);
  }
  return text;
}

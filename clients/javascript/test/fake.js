/** A server that answers as it is told, for what the real one does not do on demand. */

import { createServer } from "node:http";

/**
 * Runs a server until the test ends; `answers` are taken one a request, and each may say when it breaks off.
 *
 * @param {import("node:test").TestContext} context
 * @param {((request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => void)[]} answers
 */
export async function serverThat(context, answers) {
  /** @type {{ method?: string, url?: string, headers: import("node:http").IncomingHttpHeaders, body: any }[]} */
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    asked.push({ method: request.method, url: request.url, headers: request.headers, body: body && JSON.parse(body) });
    const answer = answers.shift();
    if (answer) answer(request, response);
    else response.writeHead(500).end();
  });
  await new Promise((resume) => server.listen(0, "127.0.0.1", () => resume(null)));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${address.port}`, asked };
}

/**
 * Answers with JSON.
 *
 * @param {number} status
 * @param {unknown} body
 * @param {Record<string, string>} [headers]
 */
export function json(status, body, headers = {}) {
  return (/** @type {unknown} */ _, /** @type {import("node:http").ServerResponse} */ response) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** Takes the request and breaks the connection off. */
export function noAnswer(/** @type {import("node:http").IncomingMessage} */ request) {
  request.socket.destroy();
}

/**
 * Answers with events, and breaks off after them unless the last one is the last of a turn, or it is to wait.
 *
 * @param {{ type: string, id: string, data: unknown }[]} events
 * @param {{ isWaiting?: boolean }} [options]
 */
export function stream(events, { isWaiting = false } = {}) {
  return (/** @type {unknown} */ _, /** @type {import("node:http").ServerResponse} */ response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    const lines = events.map(({ type, id, data }) => `event: ${type}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
    const isWhole = ["done", "error"].includes(events.at(-1)?.type ?? "");
    response.write(`: here I am\n\n${lines.join("")}`, () => {
      if (isWhole) response.end();
      else if (!isWaiting) response.destroy();
    });
  };
}

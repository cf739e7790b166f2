// Stands for the routes of turns and the model behind them; a test says what the model says, and when, by `turns`.
(() => {
  const real = window.fetch.bind(window);
  const encoder = new TextEncoder();
  const turns = (window.turns = { asked: [], running: null });
  const json = (method, path, headers, body) =>
    real(path, { method, headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(body) });

  function stream(begin) {
    let id = 0;
    const body = new ReadableStream({
      async start(controller) {
        const send = (type, data) =>
          controller.enqueue(encoder.encode(`event: ${type}\nid: ${++id}\ndata: ${JSON.stringify(data)}\n\n`));
        await begin(send, () => controller.close());
      },
    });
    return new Response(body, { status: 200, headers: { "content-type": "text/event-stream" } });
  }

  window.fetch = async (address, init = {}) => {
    const path = new URL(address, location.href).pathname;
    const found = /\/api\/chat(?:\/sessions\/([^/]+))?\/turns(?:\/([^/]+))?(\/regenerate)?$/.exec(path);
    if (!found) return real(address, init);
    const body = init.body ? JSON.parse(init.body) : {};
    const session = found[1] ?? body.session_id;
    const base = `/api/chat/sessions/${session}/messages`;
    turns.asked.push(`${init.method} ${found[2] ? "…" : ""}${found[3] ?? ""}`);
    if (init.method === "DELETE") {
      await turns.running.end("stopped");
      return new Response(null, { status: 204 });
    }
    const appended = body.content === undefined ? null : await json("POST", found[1] ? base : "/api/chat/messages", init.headers, body);
    if (appended && !appended.ok) return appended;
    const messages = appended ? (await appended.json()).messages : [];
    const newest = await (await real(`${base}?last=2`, { headers: init.headers })).json();
    const said = messages.at(-1)?.id ?? found[2] ?? newest.data.at(-1).id;
    return stream(async (send, close) => {
      send("turn", { messages, reply_id: `reply-${said}`, how: "started" });
      let text = "";
      turns.running = {
        say: (more) => send("delta", { text: (text += more) && more }),
        fail: (problem) => (send("error", problem), close(), (turns.running = null)),
        async end(reason = "stop") {
          turns.running = null;
          const reply = { role: "assistant", content: text, metadata: { reply: { model: "fake", finish_reason: reason, output_tokens: 3 } } };
          const stored = found[3]
            ? await json("PUT", `${base}/reply-${said}`, init.headers, reply)
            : await json("POST", base, init.headers, { id: `reply-${said}`, ...reply });
          const answer = await stored.json();
          send("done", { session_id: session, messages, reply: answer.messages?.[0] ?? answer, message_count: answer.message_count });
          close();
        },
      };
    });
  };
})();

"""Twenty requests of every kind, failing ones too, and everything that was logged meanwhile."""

import json
from collections.abc import Iterable
from logging import LogRecord
from uuid import uuid4

from tests.cosmos.proxy import Act, Exchange, Proxy, Response, carried_out_but_answers
from tests.http.client import Client, spoken

SESSIONS = "/api/chat/sessions"
LARGE = "large talk " * 1000  # rotates its session's head


def everything_in(records: Iterable[LogRecord]) -> str:
    """Return all that a log may make of its records: message, arguments, extra fields, and errors with their texts."""
    return "\n".join(f"{record.getMessage()}\n{vars(record)}" for record in records)


def repeats(status: int) -> Act:
    """Answer in the server's place with an error that repeats what was asked, as services do."""

    async def act(exchange: Exchange) -> None:
        asked = exchange.request
        said = f"{asked.target} {asked.headers.get('x-ms-documentdb-partitionkey')} {asked.body.decode()}"
        body = json.dumps({"code": str(status), "message": said}).encode()
        await exchange.reply(Response(status, {"content-type": "application/json"}, body))

    return act


async def twenty_requests(api: Client, proxy: Proxy) -> tuple[list[int], list[str]]:
    """Send them to a store behind the proxy; return their statuses, and what nobody may read in a log."""
    session, text, key = f"session-{uuid4().hex}", f"a secret said {uuid4().hex}", uuid4().hex
    path = f"{SESSIONS}/{session}"
    large = {"messages": [spoken(f"{text} {LARGE}")]}
    answers = [
        await api.post(SESSIONS, {"id": session, "session_name": text, "context": {"about": text}}),
        await api.post(f"{path}/messages", spoken(text, id="m-1")),
        await api.post(f"{path}/messages", spoken(text, id="m-1", name="Ada")),  # another under that id
        await api.post(f"{path}/messages", spoken(text), idempotency_key=key),
        await api.post(f"{path}/messages", {**spoken(text), text: text}),  # a field that nobody knows
        await api.post(f"{path}/messages", large),
        await api.get(path),
        await api.get(f"{path}/messages"),
        await api.get(f"/api/chat/search?q={text.replace(' ', '+')}"),
        await api.get(f"{SESSIONS}/{session}-unknown"),
        await api.patch(path, {"session_name": text}, if_match='"another"'),
        shared := await api.post(f"{path}/share"),
        viewed := await api.speaking_for(None).get(shared.json["url"]),
    ]
    assert text in viewed.body.decode()
    proxy.on("read", repeats(400))
    answers += [await api.get(path)]
    proxy.on("patch", repeats(503), times=None)
    answers += [await api.post(f"{path}/messages", spoken(text))]
    proxy.rules.clear()
    proxy.on("create", carried_out_but_answers(503), times=None)  # the page of a rotation that is put off
    answers += [await api.post(f"{path}/messages", large)]
    proxy.rules.clear()
    proxy.on("query", repeats(400))
    answers += [
        await api.get(shared.json["url"]),
        await api.delete(f"{path}/share/{shared.json['share_id']}"),
        await api.get(shared.json["url"]),
        await api.delete("/api/chat/data"),
    ]
    token = shared.json["url"].rpartition("/")[2]
    return [answer.status for answer in answers], [str(api.user), session, text, key, token]

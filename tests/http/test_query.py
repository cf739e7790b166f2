"""Query parameters that nobody knows: refused where they could spare something, ignored elsewhere."""

import json
from typing import Any

import pytest

from shared.http.docs_page import load_document
from tests.http.client import Client, a_talk, contents, refused_before_any_store_is_asked

STRICT = ("put", "patch", "delete")
DOCUMENT = json.loads(load_document().content)
PATHS = DOCUMENT["paths"]
CHANGES = [(method, path, known) for path in PATHS for method, known in PATHS[path].items() if method in STRICT]
KNOWN_EVERYWHERE = "code=key&clientId=default&user_id=mine"


def resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to a parameter that several operations have."""
    return (
        DOCUMENT["components"]["parameters"][parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter
    )


def filled(path: str) -> str:
    """Return a path of the route whose parameters name nothing that exists."""
    values = {"session_id": "none", "message_id": "none", "share_id": "0" * 16, "channel": "scriptwriter"}
    return path.format(**values)


@refused_before_any_store_is_asked
@pytest.mark.parametrize(("method", "path", "_known"), CHANGES, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("query", ["after_seq=2", "After=2", "limit", "x=&user_id=mine"])
async def test_a_change_with_an_unknown_parameter_is_refused(
    api: Client, method: str, path: str, _known: object, query: str
) -> None:
    answer = await api.speaking_for("mine").send(method.upper(), f"{filled(path)}?{query}")

    assert answer.refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize(("method", "path", "known"), CHANGES, ids=lambda value: str(value)[:60])
async def test_a_change_takes_what_is_documented_and_what_is_known_everywhere(
    api: Client, method: str, path: str, known: dict[str, Any]
) -> None:
    names = [each["name"] for each in map(resolved, known["parameters"]) if each["in"] == "query"]
    query = "".join(f"&{name}=1" for name in names)

    answer = await api.speaking_for(None).send(method.upper(), f"{filled(path)}?{KNOWN_EVERYWHERE}{query}")

    is_taken = answer.status in {200, 204, 404, 501}  # without a model nothing replies
    assert is_taken or answer.json["detail"] == "A JSON body is required."


async def test_a_misspelt_rewind_removes_nothing(api: Client) -> None:
    path = await a_talk(api, "one", "two")

    answer = await api.delete(f"{path}?after_seq=1")

    assert answer.refusal == (400, "bad_request")
    assert "after, user_id" in answer.json["detail"]
    assert contents(await api.get(path)) == ["two", "one"]


async def test_all_that_is_wrong_with_a_query_is_said_at_once(api: Client) -> None:
    answer = await api.get("/api/chat/sessions?limit=101&pinned=yes&channel=UPPER")

    assert answer.refusal == (400, "bad_request")
    assert all(f"{name}: " in answer.json["detail"] for name in ("limit", "pinned", "channel"))


@refused_before_any_store_is_asked
async def test_owner_path_query_and_body_are_looked_at_in_this_order(api: Client) -> None:
    nobody, path = api.speaking_for(None), "/api/chat/sessions"

    answers = [
        await nobody.send("PATCH", f"{path}/-no-id?colour=blue", {"colour": "blue"}),
        await api.send("PATCH", f"{path}/-no-id?colour=blue", {"colour": "blue"}),
        await api.send("PATCH", f"{path}/never.was?colour=blue", {"colour": "blue"}),
        await api.send("PATCH", f"{path}/never.was", {"colour": "blue"}),
    ]

    assert [answer.refusal for answer in answers] == [
        (400, "bad_request"),
        (404, "session_not_found"),
        (400, "bad_request"),
        (422, "validation_failed"),
    ]


async def test_a_read_ignores_what_it_does_not_know(api: Client) -> None:
    path = await a_talk(api, "one")

    assert contents(await api.get(f"{path}?colour=blue")) == ["one"]
    assert (await api.post("/api/chat/sessions?colour=blue", {})).status == 201

"""Identity where App Service Authentication is in front: the platform says who it is, and nobody else."""

import hashlib
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from shared.store.port import SessionStore
from tests.builders import an_owner
from tests.http.client import NO_BODY, Client
from tests.http.conftest import Serve

SESSIONS = "/api/chat/sessions"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"


@pytest_asyncio.fixture(loop_scope="module")
async def signed_in(serve: Serve, store: SessionStore) -> AsyncIterator[Client]:
    """Serve with the platform in front, and name nobody."""
    async with serve(store, user_identity="easyauth", easyauth_enabled=True) as client:
        yield client.speaking_for(None)


def claims(**values: str) -> dict[str, str]:
    """Return the header in which the platform passes claims on."""
    listed = [{"typ": name, "val": value} for name, value in values.items()]
    return {"x-ms-client-principal": b64encode(json.dumps({"claims": listed}).encode()).decode()}


async def owner_seen(client: Client, headers: dict[str, str]) -> str:
    """Return whom a session belongs to that is made with these headers."""
    answer = await client.send("POST", SESSIONS, {}, headers)
    assert answer.status == 201
    return str(answer.json["user_id"])


async def test_the_principal_is_the_owner(signed_in: Client) -> None:
    owner = an_owner()

    assert await owner_seen(signed_in, {"x-ms-client-principal-id": owner}) == owner


@pytest.mark.parametrize(
    "sent", [claims(oid="me", sub="x"), claims(sub="me"), claims(**{OBJECT_ID: "me"}), claims(oid="", sub="me")]
)
async def test_without_its_id_the_claims_tell_the_principal(signed_in: Client, sent: dict[str, str]) -> None:
    assert await owner_seen(signed_in, sent) == "me"


def encoded(principal: object, encode: Callable[[bytes], bytes] = b64encode) -> dict[str, str]:
    """Return the header in which a principal is passed on."""
    return {"x-ms-client-principal": encode(json.dumps(principal).encode()).decode()}


SWA = {"identityProvider": "aad", "userId": "me", "userDetails": "Me", "userRoles": ["anonymous", "authenticated"]}


@pytest.mark.parametrize(
    "sent",
    [
        encoded(SWA),
        encoded({**SWA, "claims": []}),
        encoded({**SWA, "claims": None}),
        encoded({**SWA, "userId": "other", "claims": [{"typ": "oid", "val": "me"}]}),
        encoded({"claims": [{"type": "sub", "value": "me"}]}),
        encoded({"claims": ["odd", {"typ": "name", "val": "?>?>"}, {"typ": "oid", "val": "me"}]}),
        encoded({**SWA, "userDetails": "\u00ff?>\u00fe~~"}, urlsafe_b64encode),
        encoded({**SWA, "userDetails": "M"}, lambda text: urlsafe_b64encode(text).rstrip(b"=")),
    ],
)
async def test_a_principal_counts_in_every_form_that_the_platforms_give_it(
    signed_in: Client, sent: dict[str, str]
) -> None:
    assert await owner_seen(signed_in, sent) == "me"


@pytest.mark.parametrize("principal", ["auth0|a/b", "x" * 129])
async def test_a_principal_that_is_no_user_id_is_hashed(signed_in: Client, principal: str) -> None:
    expected = f"h-{hashlib.sha256(principal.encode()).hexdigest()}"

    assert await owner_seen(signed_in, {"x-ms-client-principal-id": principal}) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-user-id": "me"},
        {"x-ms-client-principal": "no base64"},
        {"x-ms-client-principal": b64encode(b"[]").decode()},
        claims(name="me"),
        encoded({**SWA, "userId": ""}),
        encoded({**SWA, "userId": None}),
        encoded({**SWA, "userId": ["me"]}),
        encoded({"claims": [{"typ": "oid", "val": {"a": 1}}]}),
        encoded({"claims": {"oid": "me"}}),
    ],
)
async def test_nobody_signed_in_is_nobody(signed_in: Client, headers: dict[str, str]) -> None:
    refused = await signed_in.send("GET", SESSIONS, headers=headers)

    assert refused.refusal == (401, "unauthenticated")


async def test_a_forged_header_counts_for_nothing_without_the_platform(serve: Serve, store: SessionStore) -> None:
    async with serve(store, user_identity="easyauth", easyauth_enabled=False) as client:
        refused = await client.speaking_for(None).send("GET", SESSIONS, headers={"x-ms-client-principal-id": "me"})

    assert refused.refusal == (401, "unauthenticated")


async def test_a_user_id_that_is_sent_must_be_the_principal(signed_in: Client) -> None:
    headers = {"x-ms-client-principal-id": "me"}

    own = await signed_in.send("GET", f"{SESSIONS}?user_id=me", headers=headers)
    foreign = await signed_in.send("GET", f"{SESSIONS}?user_id=you", headers=headers)

    assert own.status == 200
    assert foreign.refusal == (403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type"),
    [
        ("POST", SESSIONS, b"{", "application/json"),
        ("POST", SESSIONS, b"{}", "text/plain"),
        ("POST", SESSIONS, b" " * 1_100_000, "application/json"),
        ("POST", SESSIONS, b'{"a": "\\ud800"}', "application/json"),
        ("POST", "/api/chat/messages", NO_BODY, "application/json"),
        ("POST", "/api/chat", b"{", "application/json"),
        ("GET", f"{SESSIONS}?a=%FF", NO_BODY, "application/json"),
        ("GET", f"{SESSIONS}?limit=0", NO_BODY, "application/json"),
        ("GET", "/api/chat/history?limit=0", NO_BODY, "application/json"),
    ],
)
async def test_a_stranger_is_told_to_sign_in_before_anything_else(
    signed_in: Client, method: str, path: str, body: object, content_type: str
) -> None:
    answer = await signed_in.send(method, path, body, {"content-type": content_type})

    assert answer.refusal == (401, "unauthenticated")


async def test_a_body_of_a_deletion_cannot_name_another_user_either(signed_in: Client) -> None:
    answer = await signed_in.send("DELETE", "/api/chat/data", {"user_id": "b"}, {"x-ms-client-principal-id": "a"})

    assert answer.refusal == (403, "forbidden")


async def test_claims_that_are_nested_past_all_measure_name_nobody(signed_in: Client) -> None:
    nested = {"x-ms-client-principal": b64encode(b"[" * 5_000).decode()}

    assert (await signed_in.send("GET", SESSIONS, headers=nested)).refusal == (401, "unauthenticated")

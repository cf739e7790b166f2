"""The token of a managed identity, from azure-identity itself and an identity endpoint on loopback."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
from aiohttp import web

from shared.turns.model import Model
from tests.turns.model_server import FakeModel

SCOPE = "https://ai.azure.com/.default"
LIFE_SECONDS = 3600
RENEWED_BEFORE_SECONDS = 300  # azure-identity's; a token that has less left is asked for again
ELSEWHERE = ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")


@dataclass
class IdentityEndpoint:
    """What an Azure host offers its apps: tokens for whoever knows its secret."""

    url: str = ""
    resources: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("X-IDENTITY-HEADER") != "the host's":
            return web.json_response({"message": "who?"}, status=401)
        resource = request.query["resource"]
        self.resources.append(resource)
        expires = str(int(time.time()) + LIFE_SECONDS)
        token = {"access_token": f"token-{len(self.resources)}", "expires_on": expires}
        return web.json_response({**token, "resource": resource, "token_type": "Bearer"})


@pytest_asyncio.fixture
async def identity(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IdentityEndpoint]:
    """Serve an identity endpoint, and let this process be an app of its host."""
    endpoint = IdentityEndpoint()
    app = web.Application()
    app.router.add_get("/msi/token", endpoint.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "the host's")
    yield endpoint
    await runner.cleanup()


async def ask(asked: Model, model: FakeModel) -> str:
    """Take a reply to its end, and return what the model was let in with."""
    async with aclosing(asked.stream({"messages": []})) as events:
        assert [event async for event in events]
    return model.headers[-1]["Authorization"]


@pytest.mark.slow  # for the import of azure.identity
async def test_a_model_is_asked_with_the_apps_identity_whose_token_is_kept_and_renewed_in_time(
    identity: IdentityEndpoint, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Model(replace(model.settings, key=None, token_scope=SCOPE))
    now = time.time
    try:
        first = [await ask(asked, model) for _ in range(3)]
        monkeypatch.setattr("time.time", lambda: now() + LIFE_SECONDS - RENEWED_BEFORE_SECONDS + 1)
        later = [await ask(asked, model) for _ in range(2)]
    finally:
        await asked.close()

    assert (first, later) == (["Bearer token-1"] * 3, ["Bearer token-2"] * 2)
    assert identity.resources == ["https://ai.azure.com"] * 2


async def test_a_key_is_sent_as_it_is_and_no_identity_is_asked(identity: IdentityEndpoint, model: FakeModel) -> None:
    asked = Model(replace(model.settings, token_scope=SCOPE))
    try:
        assert await ask(asked, model) == f"Bearer {model.settings.key}"
    finally:
        await asked.close()

    assert identity.resources == []

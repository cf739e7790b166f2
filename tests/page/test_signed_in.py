"""The page behind App Service Authentication: the platform knows who it is, and a 401 leads to it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import expect

from tests.builders import an_owner
from tests.e2e.browser import command_or_skip
from tests.e2e.process import Parley, running
from tests.page.conftest import Another
from tests.page.person import Person

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

HEADER = "x-ms-client-principal-id"
KEPT = ("content-type", "if-none-match", "accept")


@dataclass
class Platform:
    """What stands in front of the function app: it signs in and out, and says who it is."""

    behind: str
    client: aiohttp.ClientSession
    user: str | None = None
    url: str = ""

    async def sign_in(self, request: web.Request) -> web.Response:
        """Sign somebody in, without asking anything, and send the browser back."""
        self.user = an_owner()
        raise web.HTTPFound(request.query["post_login_redirect_uri"])

    async def sign_out(self, request: web.Request) -> web.Response:
        """Forget who it is."""
        self.user = None
        raise web.HTTPFound(request.query["post_logout_redirect_uri"])

    async def pass_on(self, request: web.Request) -> web.Response:
        """Pass a request on; nobody but the platform says whose it is."""
        headers = {name: request.headers[name] for name in KEPT if name in request.headers}
        headers |= {HEADER: self.user} if self.user else {}
        sent = {"headers": headers, "data": await request.read() or None}
        async with self.client.request(request.method, self.behind + request.path_qs, **sent) as answer:
            left_out = {"content-length", "content-encoding", "transfer-encoding", "date", "server"}
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in left_out}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


@pytest.fixture(scope="module")
def parley(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parley]:
    """Run Parley as the platform does, which is not in front of it."""
    command_or_skip()
    folder = tmp_path_factory.mktemp("data")
    settings = {"SQLITE_PATH": str(folder / "parley.db"), "USER_IDENTITY": "easyauth", "WEBSITE_AUTH_ENABLED": "true"}
    with (folder / "log").open("w") as log, running(log=log, **settings) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def platform(parley: Parley) -> AsyncIterator[Platform]:
    """Stand in front of it; nobody is signed in."""
    async with aiohttp.ClientSession() as client:
        made = Platform(parley.url, client)
        app = web.Application()
        app.router.add_get("/.auth/login/aad", made.sign_in)
        app.router.add_get("/.auth/logout", made.sign_out)
        app.router.add_route("*", "/{path:.*}", made.pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield made
        finally:
            await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def person(another: Another, platform: Platform) -> Person:
    """Let somebody come who is not signed in."""
    visitor = await another("")
    await visitor.page.goto(f"{platform.url}/api/app")
    return visitor


async def test_a_stranger_is_led_to_sign_in_and_out_again(person: Person, platform: Platform) -> None:
    page = person.page
    await expect(page.get_by_role("alert")).to_contain_text("You are not signed in")
    assert await page.get_by_role("textbox").count() == 0

    await page.get_by_role("link", name="Sign in").click()
    await expect(page.locator(".list-note")).to_contain_text("No conversations yet")
    await page.get_by_role("link", name="New").click()
    await person.say("It is me")
    await expect(person.sessions).to_have_count(1)
    await page.get_by_role("link", name="Sign out").click()

    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert platform.user is None
    assert await page.evaluate("sessionStorage.length") == 0


async def test_who_is_signed_out_meanwhile_loses_nothing(person: Person, platform: Platform) -> None:
    page = person.page
    await page.get_by_role("link", name="Sign in").click()
    await page.get_by_role("link", name="New").click()
    await person.say("Hello")
    await expect(person.messages).to_have_count(1)
    await expect(page.get_by_role("button", name="More for this conversation")).to_be_visible()
    await page.wait_for_load_state("networkidle")  # whoever is signed out while something is sent is asked at once
    user, platform.user = platform.user, None

    await expect(page.locator(".offline").get_by_role("link", name="Sign in")).to_be_visible()
    await person.say("Are you there?")
    await page.get_by_role("alert").wait_for()
    address = await page.get_by_role("link", name="Sign in").get_attribute("href")
    platform.user = user
    await page.reload()

    assert address == f"/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fapp%23%2Fs%2F{person.session_id()}"
    await page.get_by_role("button", name="Send again").click()
    await expect(page.get_by_role("button", name="Send again")).to_have_count(0)
    await expect(person.messages).to_have_count(2)
    assert await person.texts() == ["Hello", "Are you there?"]

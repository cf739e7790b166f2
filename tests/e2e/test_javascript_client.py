"""The README's JavaScript, word for word, and its client in a real browser, on a page of another origin."""

import json
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Response

from tests.builders import an_owner
from tests.e2e.browser import Visit, command_or_skip, visiting
from tests.e2e.process import ROOT, Parley, running

pytestmark = pytest.mark.asyncio(loop_scope="module")  # as the browser is

HEADING = "A client in JavaScript"
WRITTEN_FOR = "http://127.0.0.1:7071"
USER = "me"  # of the README's example
RETRY_AFTER_SECONDS = 2
MODULES = ROOT / "clients" / "javascript" / "src"
TURN: list[tuple[str, object]] = [("turn", {"how": "started"}), ("delta", {"text": "李雷"}), ("done", {})]
NEVER = "http://127.0.0.1:9"  # an origin that no page has


def readme_code() -> str:
    """Return the code of the README."""
    section = re.search(rf"^## {HEADING}$(.*?)^## ", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert section, f"README.md has no section {HEADING!r}"
    blocks = re.findall(r"^```js\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    assert blocks[0].count(WRITTEN_FOR) == 1
    return blocks[0]


class Website(ThreadingHTTPServer):
    """A web page with the client in it, on an origin of its own, which also answers one turn in events."""

    daemon_threads = True
    api = NEVER

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Files)

    @property
    def origin(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Files(BaseHTTPRequestHandler):
    server: Website
    page: ClassVar = """<!doctype html><link rel="icon" href="data:,">
        <script type="importmap">{"imports": {"parley-client": "/modules/index.js"}}</script>
        <script type="module" src="client.js"></script>"""

    def do_GET(self) -> None:  # the name is http.server's
        if self.path.startswith("/modules/"):
            self._reply("text/javascript", (MODULES / self.path.rpartition("/")[2]).read_text("utf-8"))
        elif self.path == "/client.js":
            code = readme_code().replace(WRITTEN_FOR, self.server.api)
            self._reply("text/javascript", f'{code}\nObject.assign(globalThis, await import("parley-client"));\n')
        else:
            self._reply("text/html", self.page)

    def do_POST(self) -> None:  # the name is http.server's
        self.rfile.read(int(self.headers["content-length"]))
        self._reply(
            "text/event-stream", "".join(f"event: {kind}\nid: 1\ndata: {json.dumps(data)}\n\n" for kind, data in TURN)
        )

    def _reply(self, kind: str, body: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


@pytest.fixture
def website() -> Iterator[Website]:
    """Serve the page until the test ends."""
    command_or_skip()
    with Website() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Name a data file in a folder that is not there yet."""
    return tmp_path / "data" / "parley.db"


@pytest.fixture
def parley(website: Website, data: Path) -> Iterator[Parley]:
    """Run a Parley that the page may speak to."""
    with running(SQLITE_PATH=str(data), CORS_ORIGINS=website.origin) as process:
        website.api = process.url
        yield process


@asynccontextmanager
async def at(browser: Browser, website: Website, said: list[str] | None = None) -> AsyncIterator[Visit]:
    """Open the page and wait until the README's example has run; hear what it says."""
    async with visiting(browser) as visit:
        visit.page.on("console", lambda message: [] if said is None else said.append(message.text))
        await visit.page.goto(website.origin)
        await visit.page.wait_for_function("() => globalThis.Parley !== undefined")
        yield visit


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, website: Website, parley: Parley) -> AsyncIterator[Visit]:
    """Stand on the page, after the README's example has run."""
    async with at(browser, website) as standing:
        yield standing


async def run(visit: Visit, parley: Parley, user: str, code: str) -> Any:
    """Run code that has a client of this user, `parley`, and return what it returns."""
    given = {"baseUrl": parley.url, "userId": user}
    return await visit.page.evaluate(f"async (given) => {{ const parley = new Parley(given); {code} }}", given)


async def test_the_example_stores_two_messages_and_reads_them_back(
    browser: Browser, website: Website, parley: Parley
) -> None:
    said: list[str] = []
    async with at(browser, website, said) as visit:
        asked_leave, complaints = visit.preflights, visit.complaints

    sessions = parley.ask("/api/chat/sessions", USER)["data"]
    assert [(session["session_name"], session["message_count"]) for session in sessions] == [("A first chat", 2)]
    assert (said, complaints) == (["2 Hi there.", "1 Hello!"], [])
    assert f"{parley.url}/api/chat/sessions" in asked_leave


@pytest.mark.slow
async def test_on_an_origin_that_is_not_allowed_nothing_happens(browser: Browser, website: Website, data: Path) -> None:
    with running(SQLITE_PATH=str(data), CORS_ORIGINS=NEVER) as parley:
        website.api = parley.url
        async with visiting(browser) as visit:
            async with visit.page.expect_event("pageerror") as error:
                await visit.page.goto(website.origin)
            message = (await error.value).message

        assert message == "no answer"
        assert any("blocked by CORS policy" in complaint for complaint in visit.complaints)
        assert parley.ask("/api/chat/sessions", USER)["data"] == []


@pytest.mark.slow
async def test_the_client_waits_out_a_store_that_is_away(browser: Browser, website: Website, tmp_path: Path) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    answered: list[tuple[int, float]] = []

    def clear_away(response: Response) -> None:
        if "/api/chat/" in response.url:
            answered.append((response.status, response.request.timing["startTime"]))
            if response.status == 503:
                obstacle.unlink()

    with running(SQLITE_PATH=str(obstacle / "parley.db"), CORS_ORIGINS=website.origin) as parley:
        website.api = parley.url
        async with visiting(browser) as visit:
            visit.page.on("response", clear_away)
            await visit.page.goto(website.origin)
            await visit.page.wait_for_function("() => globalThis.Parley !== undefined")
        sessions = parley.ask("/api/chat/sessions", USER)["data"]

    (first, refused_ms), (second, repeated_ms) = answered[:2]
    assert (first, second) == (503, 201)
    assert repeated_ms - refused_ms >= RETRY_AFTER_SECONDS * 1000
    assert [session["message_count"] for session in sessions] == [2]


async def test_a_request_whose_answer_is_lost_is_sent_again_and_stored_once(visit: Visit, parley: Parley) -> None:
    user = an_owner()
    lose_each_first_answer = """
        const real = fetch;
        const lost = new Set();
        globalThis.fetch = async (...request) => {
            const answer = await real(...request);
            if (lost.has(request[0])) return answer;
            lost.add(request[0]);
            throw new TypeError("Failed to fetch");
        };
        const { id } = await parley.createSession({ session_name: "once" });
        return parley.appendMessages(id, { role: "user", content: "once" });
    """

    appended = await run(visit, parley, user, lose_each_first_answer)

    [session] = parley.ask("/api/chat/sessions", user)["data"]
    assert session["message_count"] == appended["message_count"] == 1


@pytest.mark.slow
async def test_what_an_answer_says_beside_its_json_is_read_on_another_origin(visit: Visit, parley: Parley) -> None:
    read = """
        const appended = await parley.appendAnywhere({ role: "user", content: "Hello" });
        const { etag, requestId } = answerOf(appended);
        const unchanged = await parley.getSession(appended.session_id, { ifNoneMatch: etag });
        const { message, code, requestId: refused } = await parley.getSession("unknown").catch((error) => error);
        return [unchanged, requestId.length, refused.length, code, message];
    """

    found = await run(visit, parley, an_owner(), read)

    assert found == [None, 32, 32, "session_not_found", "The owner has no session by that id."]


@pytest.mark.slow
async def test_a_session_that_has_not_changed_is_not_sent_twice(visit: Visit, parley: Parley) -> None:
    user = an_owner()
    session = parley.ask("/api/chat/messages", user, {"role": "user", "content": "Hello"})
    network = await visit.page.context.new_cdp_session(visit.page)
    statuses: list[int] = []
    network.on("Network.responseReceivedExtraInfo", lambda event: statuses.append(event["statusCode"]))
    await network.send("Network.enable")
    read = f"await parley.getSession('{session['session_id']}')"

    first, second = await run(visit, parley, user, f"return [{read}, {read}];")

    assert first == second
    assert [status for status in statuses if status != 204] == [200, 304]


@pytest.mark.slow
async def test_whatever_a_user_is_called_it_is_that_user(visit: Visit, parley: Parley) -> None:
    session = await run(visit, parley, "李雷", "return parley.createSession();")

    assert session["user_id"] == "李雷"


@pytest.mark.slow
async def test_on_plain_http_where_there_is_no_random_uuid_ids_are_made_all_the_same(
    visit: Visit, parley: Parley
) -> None:
    as_on_plain_http = "delete Crypto.prototype.randomUUID; if (crypto.randomUUID) throw new Error('still there');"
    say = "return parley.appendAnywhere({ role: 'user', content: 'Hello' });"

    stored = await run(visit, parley, an_owner(), as_on_plain_http + say)

    assert stored["message_count"] == 1


async def test_a_turn_on_the_pages_own_origin_is_read_event_by_event(visit: Visit) -> None:
    read = """async () => {
        const found = [];
        for await (const { type, data } of new Parley().takeTurn("s", { role: "user", content: "Hello" })) {
            found.push([type, data]);
        }
        return found;
    }"""

    assert await visit.page.evaluate(read) == [list(event) for event in TURN]

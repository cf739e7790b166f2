"""The JavaScript client of the README, word for word, in a real browser on a page of another origin."""

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
NEVER = "http://127.0.0.1:9"  # an origin that no page has


def readme_client() -> str:
    """Return the code of the README."""
    section = re.search(rf"^## {HEADING}$(.*?)^## ", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert section, f"README.md has no section {HEADING!r}"
    blocks = re.findall(r"^```js\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    assert blocks[0].count(WRITTEN_FOR) == 1
    return blocks[0]


class Website(ThreadingHTTPServer):
    """A web page with the client in it, on an origin of its own."""

    daemon_threads = True
    api = NEVER

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Files)
        self.replies: list[tuple[int, str, str | None]] = []  # to what is posted here: status, body and token
        self.posted: list[str | None] = []  # the tokens that came with it

    @property
    def origin(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Files(BaseHTTPRequestHandler):
    server: Website
    page: ClassVar = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="client.js"></script>'

    def do_GET(self) -> None:  # the name is http.server's
        if "/sessions/" in self.path:
            self._reply(200, '{"messages": [], "data": []}', None)  # to the README's example
            return
        script = self.path == "/client.js"
        text = f"{readme_client()}\nglobalThis.Parley = Parley;\n" if script else self.page
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.end_headers()
        self.wfile.write(text.replace(WRITTEN_FOR, self.server.api).encode())

    def do_POST(self) -> None:  # the name is http.server's
        self.rfile.read(int(self.headers["content-length"]))
        self.server.posted.append(self.headers["x-session-token"])
        self._reply(*(self.server.replies.pop(0) if self.server.replies else (200, '{"id": "s"}', None)))

    def _reply(self, status: int, body: str, token: str | None) -> None:
        self.send_response(status)
        if token:
            self.send_header("x-session-token", token)
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
    given = [f"{parley.url}/api/chat", user]
    return await visit.page.evaluate(f"async (given) => {{ const parley = new Parley(...given); {code} }}", given)


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
    session = parley.ask("/api/chat/sessions", user, {})
    lose_the_first_answer = """
        const real = fetch;
        globalThis.fetch = async (...request) => {
            globalThis.fetch = real;
            await real(...request);
            throw new TypeError("Failed to fetch");
        };
    """

    await run(visit, parley, user, f"{lose_the_first_answer} await parley.create({{ session_name: 'once' }});")
    appended = await run(
        visit,
        parley,
        user,
        f"{lose_the_first_answer} return parley.append('{session['id']}', {{ role: 'user', content: 'once' }});",
    )

    assert len(parley.ask("/api/chat/sessions", user)["data"]) == 2
    assert parley.ask(f"/api/chat/sessions/{session['id']}", user)["messages"] == appended["messages"]
    assert appended["message_count"] == 1


async def test_an_append_with_the_same_ids_is_stored_once(visit: Visit, parley: Parley) -> None:
    user = an_owner()
    twice = """
        const { id } = await parley.create();
        const message = { id: "my-1", role: "user", content: "once" };
        await parley.append(id, message);
        return parley.append(id, message);
    """

    assert (await run(visit, parley, user, twice))["message_count"] == 1


async def test_the_history_is_read_page_by_page_to_its_beginning(visit: Visit, parley: Parley) -> None:
    user = an_owner()
    session = parley.ask("/api/chat/sessions", user, {})
    for _ in range(12):
        messages = [{"role": "user", "content": "Hello"}] * 20
        parley.ask(f"/api/chat/sessions/{session['id']}/messages", user, {"messages": messages})
    read = f"const seqs = []; for await (const {{ seq }} of parley.history('{session['id']}')) seqs.push(seq);"

    assert await run(visit, parley, user, f"{read} return seqs;") == list(range(240, 0, -1))


async def test_a_refusal_is_an_error_with_the_code_of_its_problem_document(visit: Visit, parley: Parley) -> None:
    refused = (
        "try { await parley.read('unknown') } catch ({ message, status, code }) { return [message, status, code] }"
    )

    found = await run(visit, parley, an_owner(), refused)

    assert found == ["The owner has no session by that id.", 404, "session_not_found"]


async def test_a_session_that_has_not_changed_is_not_sent_twice(visit: Visit, parley: Parley) -> None:
    user = an_owner()
    session = parley.ask("/api/chat/messages", user, {"role": "user", "content": "Hello"})
    network = await visit.page.context.new_cdp_session(visit.page)
    statuses: list[int] = []
    network.on("Network.responseReceivedExtraInfo", lambda event: statuses.append(event["statusCode"]))
    await network.send("Network.enable")
    read_twice = f"return [await parley.read('{session['session_id']}'), await parley.read('{session['session_id']}')];"

    first, second = await run(visit, parley, user, read_twice)

    assert first == second
    assert [status for status in statuses if status != 204] == [200, 304]


@pytest.mark.parametrize("user", ["李雷", "Łukasz", "Zoë", "two words"])
async def test_whatever_a_user_is_called_it_is_that_user(visit: Visit, parley: Parley, user: str) -> None:
    session = await run(visit, parley, user, "return parley.create();")
    seqs = await run(
        visit,
        parley,
        user,
        f"await parley.append('{session['id']}', {{ role: 'user', content: 'Hello' }}); const seqs = [];"
        f"for await (const {{ seq }} of parley.history('{session['id']}')) seqs.push(seq); return seqs;",
    )

    assert (session["user_id"], seqs) == (user, [1])


async def test_on_plain_http_where_there_is_no_random_uuid_ids_are_made_all_the_same(
    visit: Visit, parley: Parley
) -> None:
    as_on_plain_http = "delete Crypto.prototype.randomUUID; if (crypto.randomUUID) throw new Error('still there');"
    say = "const { id } = await parley.create(); return parley.append(id, { role: 'user', content: 'Hello' });"

    stored = await run(visit, parley, an_owner(), as_on_plain_http + say)

    assert stored["message_count"] == 1


async def answered(browser: Browser, website: Website, replies: list[tuple[int, str, str | None]], code: str) -> Any:
    """Have the page's own origin answer so, run code that has a client, `parley`, and return what it returns."""
    website.api = website.origin
    async with at(browser, website) as visit:
        website.posted.clear()
        website.replies = replies
        return await visit.page.evaluate(
            f"async (api) => {{ const parley = new Parley(api, 'me'); {code} }}", website.api
        )


async def test_a_token_goes_back_with_the_next_request_of_the_same_client(browser: Browser, website: Website) -> None:
    replies = [(201, "{}", "0:-1#1"), (404, "{}", "0:-1#2"), (201, "{}", None), (201, "{}", None), (201, "{}", None)]
    create = "await parley.create().catch(() => null);"

    await answered(browser, website, replies, create * 4 + "await new Parley(parley.api, 'you').create();")

    assert website.posted == [None, "0:-1#1", "0:-1#2", "0:-1#2", None]


async def test_an_answer_without_a_problem_document_is_told_by_its_status_and_not_asked_for_again(
    browser: Browser, website: Website
) -> None:
    replies = [
        (204, "", None),
        *((status, body, None) for status in (404, 502) for body in ("", "<p>")),
        (200, "<p>", None),
    ]
    ask = """
        const found = [];
        for (let times = 6; times; times--) {
            const refused = ({ status, message }) => found.push(status, message);
            await parley.create().then((said) => found.push(said), refused);
        }
        return found;
    """

    found = await answered(browser, website, replies, ask)

    assert [value for value in found if not isinstance(value, str)] == [None, 404, 404, 502, 502, 200]
    assert "404 Not Found" in found[2]
    assert len(website.posted) == 6


async def test_only_what_may_pass_is_tried_again(browser: Browser, website: Website) -> None:
    replies = [(429, "", None), (503, "", None), (201, '{"id": "made"}', None)]
    at_once = "globalThis.setTimeout = (resume) => resume();"
    mistaken = "const mistake = await parley.send('POST', '/', {}, { 'a header': '' }).catch(({ name }) => name);"

    found = await answered(browser, website, replies, f"{at_once} {mistaken} return [mistake, await parley.create()];")

    assert found == ["TypeError", {"id": "made"}]
    assert len(website.posted) == 3

"""The page for people, as it is served; what a browser makes of it is tested in tests/page."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import pytest_asyncio

from shared.http.app_page import FILES, load, load_page
from shared.http.app_page.script import ScriptError, joined
from shared.model_settings import ModelSettings
from shared.store.sqlite import SqliteStore
from tests.http.client import Client
from tests.http.conftest import Serve

APP = "/api/app"
VIEW = f"/api/shared/{'t' * 43}/view"
TYPES = {"js": "text/javascript", "css": "text/css"}
BUDGET_BYTES = 150_000


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(serve: Serve, tmp_path: Path) -> AsyncIterator[Client]:
    """Visit the functions as nobody in particular, while their store cannot be opened."""
    async with serve(SqliteStore(tmp_path)) as api:
        yield api.speaking_for(None)


@pytest.mark.parametrize("path", [APP, VIEW])
async def test_the_page_is_there_without_owner_and_without_a_store(visitor: Client, path: str) -> None:
    answer = await visitor.get(path)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["x-request-charge"] == "0"


@pytest.mark.parametrize("path", [APP, VIEW])
async def test_every_link_of_the_page_leads_to_a_file_that_is_there(visitor: Client, path: str) -> None:
    html = (await visitor.get(path)).body.decode()
    links = {urljoin(path, link) for link in re.findall(r'(?:src|rel="stylesheet" href)="([^"]*)"', html)}

    assert links == {f"{APP}/{name}" for name in FILES}
    for link in links:
        answer = await visitor.get(link)
        assert (answer.status, answer.headers["content-type"]) == (
            200,
            f"{TYPES[link.rpartition('.')[2]]}; charset=utf-8",
        )


@pytest.mark.parametrize("path", [APP, VIEW])
async def test_the_page_runs_nothing_but_its_own_files_and_makes_no_html_from_text(visitor: Client, path: str) -> None:
    headers = (await visitor.get(path)).headers

    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


async def test_a_shared_page_is_not_for_search_engines(visitor: Client) -> None:
    assert (await visitor.get(VIEW)).headers["x-robots-tag"] == "noindex, nofollow"


@pytest.mark.parametrize("path", [APP, VIEW, f"{APP}/app.js"])
async def test_what_the_browser_holds_already_is_not_sent_again(visitor: Client, path: str) -> None:
    etag = (await visitor.get(path)).headers["etag"]

    again = await visitor.get(path, if_none_match=etag)

    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)


async def test_a_slash_behind_it_leads_to_the_page(visitor: Client) -> None:
    async with visitor.http.get(f"{visitor.url}{APP}/", allow_redirects=False) as answer:
        assert (answer.status, urljoin(f"{APP}/", answer.headers["location"])) == (308, APP)


@pytest.mark.parametrize("name", ["index.html", "chat.js", "script.py", "app.jsx", "..%2fapp.py", "%2fetc%2fpasswd"])
async def test_every_other_name_is_no_file(visitor: Client, name: str) -> None:
    assert (await visitor.get(f"{APP}/{name}")).refusal == (404, "file_not_found")


async def test_the_page_knows_how_people_say_who_they_are(serve: Serve, tmp_path: Path) -> None:
    async with serve(SqliteStore(tmp_path), user_identity="easyauth") as api:
        assert b'name="identity" content="easyauth"' in (await api.get(APP)).body
    async with serve(SqliteStore(tmp_path)) as api:
        assert b'name="identity" content="trusted"' in (await api.get(APP)).body


async def test_the_page_knows_whether_a_model_replies(serve: Serve, tmp_path: Path) -> None:
    async with serve(SqliteStore(tmp_path)) as api:
        assert b'name="replies" content="no"' in (await api.get(APP)).body
    async with serve(SqliteStore(tmp_path), model=ModelSettings(endpoint="https://model.example/v1", name="m")) as api:
        assert b'name="replies" content="yes"' in (await api.get(APP)).body


def test_page_style_and_script_with_the_client_are_small() -> None:
    files = [load_page("app/", "trusted", replies=True), *(load(name) for name in FILES)]

    assert sum(len(file.content) for file in files) <= BUDGET_BYTES


def test_modules_are_joined_each_once_and_after_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import { b as two } from "./b.js";\nimport * as c from "./c.js";\ntwo(c.one);\n')
    (tmp_path / "b.js").write_text('import { one } from "./c.js";\nexport function b(x) {\n  return one + x;\n}\n')
    (tmp_path / "c.js").write_text("/** One. */\nexport const one = 1;\n")

    script = joined(tmp_path / "a.js")

    assert script.index("// c.js") < script.index("// b.js") < script.index("// a.js")
    assert script.count("const one = 1;") == 1
    assert "const { b: two } = module1;\nconst c = module0;\n" in script
    assert "return { one };" in script


@pytest.mark.parametrize(
    "text", ['import b from "./b.js";', 'export * from "./b.js";', "export default 1;", 'import { a } from "./a.js";']
)
def test_what_cannot_be_joined_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.js").write_text(f"{text}\n")
    (tmp_path / "b.js").write_text("")

    with pytest.raises(ScriptError):
        joined(tmp_path / "a.js")

"""The page to read and try the API, as it is served; what a browser makes of it is tested in tests/e2e."""

import hashlib
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import pytest_asyncio

from shared.http.docs_page import FILES, load
from shared.http.problems import UnknownFileError
from shared.store.sqlite import SqliteStore
from tests.http.client import Client
from tests.http.conftest import Serve

DOCS = "/api/docs"
TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
SWAGGER_UI = {  # of npm's swagger-ui-dist 5.33.1, which the package says it ships
    "swagger-ui-bundle.js": "050bc415ee7048dcd881682678f720264e7da5e373f7461d7c58c755305255f7",
    "swagger-ui.css": "1ac324f7dcd27e4b9386b4bd6421271ec147e922a22c05ba24b11515e9aa6321",
}
NOT_THERE = [
    "index.html",
    "__init__.py",
    "page.jsx",
    "PAGE.JS",
    "swagger_bundle.js",
    "scalar.js",
    "%20page.js",
    "..%2f..%2fboundary.py",
    "..%5c..%5cboundary.py",
    "%2e%2e%2f%2e%2e%2f%2e%2e%2fhost.json",
    "%2fetc%2fpasswd",
    "C:%5cWindows%5cwin.ini",
    "..%252f..%252fboundary.py",
    "%e2%80%a6",
]


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(serve: Serve, tmp_path: Path) -> AsyncIterator[Client]:
    """Visit the functions as nobody in particular, while their store cannot be opened."""
    async with serve(SqliteStore(tmp_path)) as api:
        yield api.speaking_for(None)


async def test_the_page_is_there_without_owner_and_without_a_store(visitor: Client) -> None:
    answer = await visitor.get(DOCS)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["x-request-charge"] == "0"


@pytest.mark.parametrize("name", sorted(FILES))
async def test_every_file_is_there_with_its_type(visitor: Client, name: str) -> None:
    answer = await visitor.get(f"{DOCS}/{name}")

    assert (answer.status, answer.headers["x-request-charge"]) == (200, "0")
    assert answer.headers["content-type"] == f"{TYPES[name.rpartition('.')[2]]}; charset=utf-8"


async def test_in_easyauth_nobody_has_to_sign_in_to_read(serve: Serve, tmp_path: Path) -> None:
    async with serve(SqliteStore(tmp_path), user_identity="easyauth") as api:
        statuses = {(await api.get(path)).status for path in (DOCS, *(f"{DOCS}/{name}" for name in FILES))}

    assert statuses == {200}


async def test_the_page_runs_no_script_and_no_style_but_its_own_files(visitor: Client) -> None:
    answer = await visitor.get(DOCS)

    policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"], policy["connect-src"]) == ("'self'", "'self'", "'self'")
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'none'")
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", [DOCS, *(f"{DOCS}/{name}" for name in sorted(FILES))])
async def test_the_page_and_its_files_have_the_headers_of_every_answer(visitor: Client, path: str) -> None:
    headers = (await visitor.get(path)).headers

    assert (headers["cache-control"], headers["x-content-type-options"]) == ("private, no-cache", "nosniff")
    assert headers["x-request-id"]


async def test_every_link_of_the_page_leads_to_a_file_of_this_host(visitor: Client) -> None:
    html = (await visitor.get(DOCS)).body.decode()
    links = set(re.findall(r'<(?:script src|link rel="stylesheet" href)="([^"]*)"', html))

    assert {urljoin(DOCS, link) for link in links} == {f"{DOCS}/{name}" for name in FILES}
    assert "//" not in html.replace("<!doctype html>", "")


async def test_a_slash_behind_it_leads_to_the_page(visitor: Client) -> None:
    async with visitor.http.get(f"{visitor.url}{DOCS}/", allow_redirects=False) as answer:
        status, location = answer.status, answer.headers["location"]

    assert (status, urljoin(f"{DOCS}/", location)) == (308, DOCS)


@pytest.mark.parametrize("path", [DOCS, f"{DOCS}/page.js", f"{DOCS}/swagger-ui-bundle.js"])
async def test_what_the_browser_holds_already_is_not_sent_again(visitor: Client, path: str) -> None:
    etag = (await visitor.get(path)).headers["etag"]

    again = await visitor.get(path, if_none_match=etag)
    other = await visitor.get(path, if_none_match='"other"')

    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert (other.status, other.headers["etag"]) == (200, etag)


async def test_no_two_files_share_an_etag(visitor: Client) -> None:
    paths = [DOCS, *(f"{DOCS}/{name}" for name in FILES)]

    assert len({(await visitor.get(path)).headers["etag"] for path in paths}) == len(paths)


@pytest.mark.parametrize("name", NOT_THERE)
async def test_every_other_name_is_no_file(visitor: Client, name: str) -> None:
    assert (await visitor.get(f"{DOCS}/{name}")).refusal == (404, "file_not_found")


@pytest.mark.parametrize(
    "path", ["..", "%2e%2e", "a/b", "../../host.json", "/etc/passwd", "page.js%00", "%00/../page.js"]
)
async def test_the_host_refuses_what_is_no_single_name(visitor: Client, path: str) -> None:
    answer = await visitor.get(f"{DOCS}/{path}")

    assert (answer.status in {400, 404}, answer.body) == (True, b"")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../docs.py", "/etc/passwd", "page.js\0", "page.js/", "page.js\n", "\udc80"]
)
def test_whatever_a_host_lets_through_only_the_names_listed_are_files(name: str) -> None:
    with pytest.raises(UnknownFileError):
        load(name)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_the_page_can_only_be_read(visitor: Client, method: str) -> None:
    assert (await visitor.send(method, DOCS)).status == 404
    assert (await visitor.send(method, f"{DOCS}/page.js")).status == 404


@pytest.mark.parametrize("name", sorted(SWAGGER_UI))
async def test_swagger_ui_is_what_its_makers_published(visitor: Client, name: str) -> None:
    answer = await visitor.get(f"{DOCS}/{name}")

    assert hashlib.sha256(answer.body).hexdigest() == SWAGGER_UI[name]


async def test_the_package_is_read_without_importing_it(visitor: Client) -> None:
    assert (await visitor.get(f"{DOCS}/swagger-ui.css")).status == 200
    assert "offapi" not in sys.modules

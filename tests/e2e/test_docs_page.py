"""The documentation page in a real browser: it shows every operation and sends requests, without the internet."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.builders import an_owner
from tests.e2e.browser import Visit, command_or_skip, visiting
from tests.e2e.process import Parley, running

pytestmark = pytest.mark.asyncio(loop_scope="module")  # as the browser is

METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


@pytest.fixture(scope="module")
def parley(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parley]:
    """Run Parley on a data file of its own."""
    command_or_skip()
    with running(SQLITE_PATH=str(tmp_path_factory.mktemp("data") / "parley.db")) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, parley: Parley) -> AsyncIterator[Visit]:
    """Open the page and wait until it has read the document."""
    async with visiting(browser) as opened:
        await opened.page.goto(f"{parley.url}/api/docs")
        await opened.page.wait_for_selector(".opblock")
        yield opened


def promised(document: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Return method, path and id of every operation of an OpenAPI document."""
    return {
        (method.upper(), path, operation["operationId"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }


async def shown(visit: Visit) -> list[tuple[str, str, str]]:
    """Return method, path and id of every operation on the page."""
    script = """blocks => blocks.map(block => [
        block.querySelector('.opblock-summary-method').innerText.trim(),
        block.querySelector('[data-path]').dataset.path,
        block.querySelector('.opblock-summary-operation-id').innerText,
    ])"""
    return [tuple(block) for block in await visit.page.locator(".opblock").evaluate_all(script)]


async def authorize(visit: Visit, **values: str) -> None:
    """Fill in the dialog behind the button Authorize, each header by its name, as somebody who presses Enter."""
    page = visit.page
    await page.locator(".scheme-container .authorize").click()
    for header, value in values.items():
        form = page.locator(".auth-container form", has_text=header.replace("_", "-"))
        await form.locator("input").fill(value)
        await form.locator("input").press("Enter")
        await expect(form.get_by_role("button", name="Remove authorization")).to_be_visible()
    await page.locator(".btn-done").first.click()


async def execute(visit: Visit, operation_id: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Try an operation out with a body of one's own; return status and JSON as the page shows them."""
    block = _block(visit, operation_id)
    await block.locator(".opblock-summary-control").click()
    await block.get_by_role("button", name="Try it out").click()
    if body is not None:
        await block.locator(".body-param__text").fill(json.dumps(body))
    await block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table .response")
    status = await answer.locator(".response-col_status").inner_text()
    return int(status.split()[0]), json.loads(await answer.locator(".highlight-code code").first.inner_text())


def _block(visit: Visit, operation_id: str) -> Locator:
    named = visit.page.locator(".opblock-summary-operation-id").get_by_text(operation_id, exact=True)
    return visit.page.locator(".opblock").filter(has=named)


async def test_the_page_lists_every_operation_of_the_document_once(visit: Visit, parley: Parley) -> None:
    operations = promised(parley.ask("/api/openapi.json", "nobody"))

    found = await shown(visit)

    assert len(operations) > 10
    assert set(found) == operations
    assert len(found) == len(operations)


async def test_a_session_created_from_the_page_is_there(visit: Visit, parley: Parley) -> None:
    user = an_owner()
    await authorize(visit, x_user_id=user)

    status, session = await execute(visit, "create_session", {"session_name": "From the page"})

    assert status == 201
    assert parley.ask(f"/api/chat/sessions/{session['id']}", user)["session_name"] == "From the page"
    assert parley.status(f"/api/chat/sessions/{session['id']}", an_owner()) == 404


@pytest.mark.slow
async def test_an_example_of_the_document_can_be_sent_as_it_is(visit: Visit, parley: Parley) -> None:
    user = an_owner()
    await authorize(visit, x_user_id=user)

    status, appended = await execute(visit, "append_anywhere")

    assert status == 201
    assert parley.ask(f"/api/chat/sessions/{appended['session_id']}", user)["messages"] == appended["messages"]


@pytest.mark.slow
async def test_without_an_owner_the_page_shows_what_is_missing(visit: Visit) -> None:
    status, problem = await execute(visit, "list_sessions")

    assert (status, problem["code"]) == (400, "bad_request")


@pytest.mark.slow
async def test_both_a_user_and_a_function_key_can_be_given(visit: Visit) -> None:
    sent = []
    visit.page.on("request", lambda request: sent.append(request.headers))
    await authorize(visit, x_user_id="me", x_functions_key="secret")

    assert await execute(visit, "list_sessions") == (200, {"data": [], "has_more": False, "next_cursor": None})
    assert (sent[-1]["x-user-id"], sent[-1]["x-functions-key"]) == ("me", "secret")


@pytest.mark.slow
async def test_what_was_typed_in_is_not_kept_beyond_the_page(visit: Visit) -> None:
    await authorize(visit, x_user_id="me", x_functions_key="secret")

    assert await visit.page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0


async def test_nothing_is_asked_of_another_host_and_the_console_stays_silent(visit: Visit, parley: Parley) -> None:
    await authorize(visit, x_user_id=an_owner())
    await execute(visit, "create_session", {})
    for operation_id in ("append_messages", "list_messages", "search_messages", "view_share", "docs_page"):
        await _block(visit, operation_id).locator(".opblock-summary-control").click()
    await visit.page.wait_for_load_state("networkidle")

    assert visit.complaints == []
    assert visit.origins == {parley.url}


@pytest.mark.slow
async def test_an_address_in_the_link_is_not_read(visit: Visit, parley: Parley) -> None:
    visit.requested.clear()
    await visit.page.goto(f"{parley.url}/api/docs?url=http://127.0.0.1:9/evil.json&configUrl=http://127.0.0.1:9/evil")
    await visit.page.wait_for_selector(".opblock")

    assert visit.origins == {parley.url}


@pytest.mark.slow
async def test_the_page_works_with_a_slash_behind_it(visit: Visit, parley: Parley) -> None:
    await visit.page.goto(f"{parley.url}/api/docs/")
    await visit.page.wait_for_selector(".opblock")

    assert visit.complaints == []

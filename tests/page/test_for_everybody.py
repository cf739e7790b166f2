"""Everybody can use the page: by keyboard alone, by ear, in the dark, on a small screen; axe-core finds no fault."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.page.person import Person

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

FOLDER = Path(__file__).with_name("axe")
AXE = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
NARROW = {"width": 320, "height": 640}
USUAL = {"width": 1280, "height": 800}
ANSWER = """## A heading

A list:

1. one
   - with `code`
2. [a link](https://example.com)

| a | b |
|---|--:|
| 1 | 2 |

```python
print("code")
```

> a quote
"""


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the script of axe-core, installed as the lock file says; skip without npm, but fail where CI is set."""
    npm = shutil.which("npm")
    if npm is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("axe-core needs npm on the PATH")
    with (FOLDER / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not AXE.exists():
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(command, cwd=FOLDER, check=True)
    return AXE.read_text("utf-8")


async def faults(person: Person, axe: str) -> list[str]:
    """Return what axe-core finds wrong with the page as it is now."""
    network = await person.page.context.new_cdp_session(person.page)
    await network.send("Runtime.evaluate", {"expression": axe})  # not as a script of the page: its policy forbids that
    found: dict[str, Any] = await person.page.evaluate("() => axe.run()")
    return [
        f"{violation['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def some_sessions(person: Person) -> None:
    person.has(
        "s", ["Question", ANSWER, "Thanks", {"role": "tool", "content": "{}"}], session_name="Trip", tags=["a", "b"]
    )
    person.has("t", [], session_name="Other", pinned=True)
    person.has("u", ["x"], session_name="Archived")
    person.parley.ask("/api/chat/sessions/u/archive", person.user, {})


VIEWS = {
    "the question who it is": ("?", "form"),
    "the list": ("", "#main h1"),
    "a new session": ("#/new", "#composer"),
    "a session": ("#/s/s", ".message"),
    "an archived session": ("#/s/u", ".message"),
    "what is not there": ("#/s/none", ".banner"),
    "a search": ("#/search/Question", ".hits a"),
    "a search without a hit": ("#/search/zzz", ".view [role=status]"),
    "the statistics": ("#/stats", ".chart"),
}


@pytest.mark.parametrize("size", [USUAL, NARROW], ids=["usual", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_view_has_a_fault(person: Person, axe: str, scheme: Any, size: Any) -> None:
    some_sessions(person)
    await person.page.set_viewport_size(size)
    await person.page.emulate_media(color_scheme=scheme)
    found: dict[str, list[str]] = {}
    await person.page.goto(f"{person.parley.url}/api/app")
    found["the question who it is"] = await faults(person, axe)
    for name, (address, seen) in list(VIEWS.items())[1:]:
        await person.page.goto("about:blank")
        await person.arrive(address, wait="#page:not(:empty)")
        await person.page.locator(seen).first.wait_for(state="attached")
        found[name] = await faults(person, axe)
        assert not await person.page.evaluate("document.documentElement.scrollWidth > innerWidth"), name

    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_dialog_menu_notice_or_shared_page_has_a_fault(person: Person, axe: str, scheme: Any) -> None:
    some_sessions(person)
    await person.page.emulate_media(color_scheme=scheme)
    await person.arrive("#/s/s", wait=".message")
    found: dict[str, list[str]] = {}
    await person.page.get_by_role("button", name="More for this conversation").click()
    found["menu"] = await faults(person, axe)
    await person.page.keyboard.press("Escape")
    for item in ("Rename", "Tags", "Share", "Export", "Delete"):
        await person.choose_for_session(item)
        if item == "Share":
            await person.page.get_by_role("button", name="Make a link").click()
            await expect(person.page.get_by_role("button", name="Revoke")).to_be_visible()
            address = await person.page.get_by_label("The new link").input_value()
        found[item] = await faults(person, axe)
        await person.page.keyboard.press("Escape")
        await expect(person.page.get_by_role("dialog")).to_have_count(0)
    await person.choose(person.messages.nth(1).get_by_role("button", name="More for this message"), "Comment")
    found["comment"] = await faults(person, axe)
    await person.page.keyboard.press("Escape")
    await person.page.get_by_role("button", name="Change user").click()
    found["change of user"] = await faults(person, axe)
    await person.page.keyboard.press("Escape")
    await person.choose_for_session("Archive")
    await expect(person.notice).to_be_visible()
    found["notice"] = await faults(person, axe)
    await person.page.goto(address)
    await expect(person.messages).to_have_count(4)
    found["shared"] = await faults(person, axe)

    assert {name: each for name, each in found.items() if each} == {}


async def test_a_conversation_is_had_with_the_keyboard_alone(person: Person) -> None:
    page = person.page
    await page.goto(f"{person.parley.url}/api/app")
    await page.keyboard.type(person.user)
    await page.keyboard.press("Enter")
    await expect(page.locator(".list-note")).to_contain_text("No conversations yet")
    await expect(person.box).to_be_focused()
    await page.keyboard.type("First line")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("second line")
    await page.keyboard.press("Enter")
    await expect(person.sessions).to_have_count(1)

    await tab_to(person, "More for this conversation", back=True)
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.type("later")
    await page.keyboard.press("Enter")
    await expect(person.sessions.first).to_contain_text("later")
    await tab_to(person, "More for this message")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem").first).to_be_focused()
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)

    assert person.stored(person.session_id()) == ["First line\nsecond line"]


async def tab_to(person: Person, name: str, *, back: bool = False) -> None:
    """Press Tab until something of this name has the keyboard."""
    for _ in range(60):
        await person.page.keyboard.press("Shift+Tab" if back else "Tab")
        if await person.page.evaluate("() => document.activeElement.getAttribute('aria-label')") == name:
            return
    pytest.fail(f"the keyboard does not reach {name!r}")


async def test_on_a_small_screen_the_list_and_a_session_take_turns(person: Person) -> None:
    some_sessions(person)
    await person.page.set_viewport_size(NARROW)
    await person.arrive()
    await expect(person.box).to_be_hidden()

    await person.sessions.get_by_role("link", name="Trip").click()
    await expect(person.messages.last).to_be_in_viewport()
    await expect(person.sessions.first).to_be_hidden()
    await person.page.get_by_role("link", name="All conversations").click()

    await expect(person.sessions.first).to_be_visible()


async def test_times_are_told_in_the_readers_zone_and_language(person: Person) -> None:
    person.has("s", ["Hello"])
    stored = person.parley.ask("/api/chat/sessions/s", person.user)["created_at"]
    context = await person.page.context.browser.new_context(locale="de-DE", timezone_id="Asia/Tokyo")
    page = await context.new_page()
    try:
        await page.add_init_script(f"sessionStorage.setItem('parley.identity', '{{\"userId\": \"{person.user}\"}}')")
        await page.goto(f"{person.parley.url}/api/app#/s/s")
        shown = await page.locator(".message time").inner_text()
        expected = await page.evaluate(
            """iso => new Date(iso).toLocaleTimeString(
                'de-DE', {hour: 'numeric', minute: '2-digit', timeZone: 'Asia/Tokyo'})""",
            stored,
        )
    finally:
        await context.close()

    assert shown == expected

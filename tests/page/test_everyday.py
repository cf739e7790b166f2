"""What people do every day, as they do it; on each store."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.builders import an_owner
from tests.page.conftest import Another
from tests.page.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")  # as the browser is

MOST_REQUESTS = 6


@pytest.fixture(scope="module")
def store_settings(request: pytest.FixtureRequest, store_name: str, tmp_path_factory: Any) -> dict[str, str]:
    """Lead to the store under test."""
    if store_name == "cosmos":
        settings: dict[str, str] = request.getfixturevalue("cosmos_place").settings
        return settings
    return {"SQLITE_PATH": str(tmp_path_factory.mktemp("data") / "parley.db")}


def requests_of_store(log_file: Path, route: str) -> list[int]:
    """Return how many requests of the store each answer of a route took, as the log has it."""
    lines = [
        json.loads(line[line.index("{") :])
        for line in log_file.read_text().splitlines()
        if '"event": "request"' in line
    ]
    return [line["store_requests"] for line in lines if line["route"] == route]


async def test_a_person_says_who_they_are_and_has_a_conversation(person: Person) -> None:
    page = person.page
    await page.goto(f"{person.parley.url}/api/app")
    await page.get_by_label("Your user id").fill(person.user)
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_role("link", name="New").click()

    await person.say("Where is the library?")

    await expect(person.sessions).to_have_count(1)
    await expect(person.sessions.first).to_contain_text("Where is the library?")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Where is the library?")
    await expect(person.notice).to_contain_text("No model is configured here")
    assert person.stored(person.session_id()) == ["Where is the library?"]
    assert await page.evaluate("localStorage.length + document.cookie.length") == 0


@pytest.mark.slow
@pytest.mark.parametrize("user", ["a/b", "   ", "what?"])
async def test_who_cannot_be_is_asked_again(person: Person, user: str) -> None:
    await person.page.goto(f"{person.parley.url}/api/app")
    name = person.page.get_by_label("Your user id")

    await name.fill(user)
    await person.page.get_by_role("button", name="Go on").click()

    assert await name.evaluate("input => input.validity.patternMismatch")
    await name.fill("Ада <b>")
    await person.page.get_by_text("Function key").first.click()
    key = person.page.get_by_label("Function key")
    await key.fill("ключ")
    await person.page.get_by_role("button", name="Go on").click()
    assert await key.evaluate("input => input.validity.patternMismatch")
    await key.fill("")
    await person.page.get_by_role("button", name="Go on").click()
    await expect(person.page.locator(".who")).to_have_text("Ада <b>")


@pytest.mark.slow
async def test_who_changes_the_user_can_think_better_of_it(person: Person) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")

    await person.page.get_by_role("button", name="Change user").click()
    await expect(person.page.get_by_label("Your user id")).to_have_value(person.user)
    await person.page.get_by_role("button", name="Cancel").click()
    await expect(person.page.get_by_role("dialog")).to_have_count(0)

    await expect(person.messages).to_have_count(1)
    await expect(person.page.locator(".who")).to_have_text(person.user)


@pytest.mark.slow
async def test_a_draft_waits_in_its_session_for_its_user(person: Person) -> None:
    other = an_owner()
    for session in ("s", "t"):
        person.has(session, ["Hello"], session_name=f"Session {session}")
    person.parley.ask("/api/chat/sessions", other, {"id": "s"})
    await person.page.goto(f"{person.parley.url}/api/app#/s/s")
    await person.page.get_by_label("Your user id").fill(person.user)
    await person.page.get_by_role("button", name="Go on").click()

    await person.box.fill("Not yet finished")
    await person.page.get_by_role("link", name="Statistics").click()
    await person.page.wait_for_selector(".chart")
    await person.page.go_back()
    await expect(person.box).to_have_value("Not yet finished")
    await person.page.reload()
    await expect(person.box).to_have_value("Not yet finished")
    await person.page.get_by_role("link", name="Session t").click()
    await expect(person.box).to_have_value("")
    await person.page.get_by_role("link", name="Session s").click()
    await person.page.get_by_role("button", name="Change user").click()
    await person.page.get_by_label("Your user id").fill(other)
    await person.page.get_by_role("button", name="Go on").click()
    await expect(person.page.locator(".who")).to_have_text(other)

    await expect(person.box).to_have_value("")


@pytest.mark.slow
async def test_a_draft_is_gone_once_it_is_sent(person: Person) -> None:
    await person.arrive("#/new")
    await person.say("First words")
    await expect(person.messages).to_have_count(1)
    await person.box.fill("Half a sentence")

    await person.page.get_by_role("link", name="New").click()
    await expect(person.box).to_have_value("")
    await person.page.go_back()
    await expect(person.box).to_have_value("Half a sentence")
    await person.box.press("Enter")
    await expect(person.messages).to_have_count(2)
    await person.page.reload()

    await expect(person.messages).to_have_count(2)
    await expect(person.box).to_have_value("")


async def test_the_list_is_there_after_few_requests_and_a_session_after_one_more(
    person: Person, log_file: Path
) -> None:
    person.has("s", ["Hello", "Hi"], session_name="Greetings")
    await person.arrive()
    first = len(person.visit.requested)
    before = len(requests_of_store(log_file, "read_session"))

    await person.sessions.get_by_role("link", name="Greetings").click()
    await expect(person.messages).to_have_count(2)
    of_store = requests_of_store(log_file, "read_session")[before:]

    assert first <= MOST_REQUESTS
    assert set(of_store) == {1}
    assert [url.removeprefix(person.parley.url) for url in person.visit.requested[first:]] == [
        "/api/chat/sessions/s?limit=50"
    ]
    assert person.visit.origins == {person.parley.url}
    assert person.visit.complaints == []


@pytest.mark.slow
async def test_a_session_is_renamed_tagged_and_pinned(person: Person) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")

    await person.choose_for_session("Rename")
    await person.page.get_by_role("textbox", name="Name").fill("Ideas")
    await person.page.get_by_role("button", name="Save").click()
    await expect(person.page.get_by_role("heading", level=1)).to_have_text("Ideas")
    await person.choose_for_session("Tags")
    await person.page.get_by_role("textbox", name="Tags").fill("work, later")
    await person.page.get_by_role("button", name="Save").click()
    await expect(person.sessions.first).to_contain_text("later")
    await person.choose_for_session("Pin")

    await expect(person.sessions.first).to_contain_text("pinned")
    await expect(person.sessions.first).to_contain_text("kept")
    stored = person.parley.ask("/api/chat/sessions/s", person.user)
    assert (stored["session_name"], stored["tags"], stored["pinned"]) == ("Ideas", ["work", "later"], True)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["x" * 65, ", ".join(map(str, range(17)))], ids=["too long", "too many"])
async def test_tags_that_cannot_be_are_said_so_where_they_are_written(person: Person, wrong: str) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")
    await person.choose_for_session("Tags")
    tags = person.page.get_by_role("textbox", name="Tags")

    await tags.fill(wrong)
    await person.page.get_by_role("button", name="Save").click()

    assert await tags.input_value() == wrong
    assert "at most 16, each of at most 64" in await tags.evaluate("input => input.validationMessage")
    await tags.fill(", ".join(["y" * 64, *map(str, range(15)), "3"]))
    await person.page.get_by_role("button", name="Save").click()
    await expect(person.page.get_by_role("dialog")).to_have_count(0)
    await expect(person.sessions.first).to_contain_text("14")
    assert person.visit.complaints == []


@pytest.mark.slow
async def test_what_is_said_beside_a_dialog_is_seen_and_can_be_put_away(person: Person) -> None:
    person.has("s", ["Hello"])
    await person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await person.arrive("#/s/s", wait=".message")
    await person.choose_for_session("Share")
    await person.page.get_by_role("button", name="Make a link").click()

    await person.page.get_by_role("button", name="Copy link").click()

    await expect(person.notice).to_contain_text("Link copied.")
    await person.notice.get_by_role("button", name="Close this notice").click()
    await expect(person.notice).to_have_count(0)
    await person.page.keyboard.press("Escape")
    await person.messages.first.get_by_role("button", name="Copy message").click()
    await expect(person.notice).to_contain_text("Copied.")


@pytest.mark.slow
async def test_a_menu_stays_open_while_something_is_said(person: Person) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")
    await person.page.get_by_role("button", name="More for this conversation").click()

    person.parley.ask("/api/chat/sessions/s/messages", person.user, {"role": "assistant", "content": "Hi"})
    await expect(person.messages).to_have_count(2)
    await person.page.get_by_role("menuitem", name="Rename").click()
    await person.page.get_by_role("textbox", name="Name").fill("Greetings")
    await person.page.get_by_role("button", name="Save").click()

    await expect(person.page.get_by_role("heading", level=1)).to_have_text("Greetings")


@pytest.mark.slow
async def test_an_archived_session_leaves_the_list_takes_nothing_and_comes_back(person: Person) -> None:
    person.has("s", ["Hello"], session_name="Old")
    await person.arrive("#/s/s", wait=".message")

    await person.choose_for_session("Archive")
    await expect(person.sessions).to_have_count(0)
    await expect(person.box).to_be_hidden()
    await person.page.get_by_role("button", name="Restore it to go on").click()

    await expect(person.notice).to_contain_text("Restored.")
    await expect(person.sessions).to_have_count(1)
    await person.say("I am back")
    await expect(person.messages).to_have_count(2)


@pytest.mark.slow
async def test_a_session_is_deleted_only_after_a_question(person: Person) -> None:
    person.has("s", ["Hello"], session_name="Secret")
    await person.arrive("#/s/s", wait=".message")

    await person.choose_for_session("Delete")
    await person.page.get_by_role("button", name="Cancel").click()
    assert person.parley.status("/api/chat/sessions/s", person.user) == 200
    await person.choose_for_session("Delete")
    await person.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    await expect(person.sessions).to_have_count(0)
    assert person.parley.status("/api/chat/sessions/s", person.user) == 404


@pytest.mark.slow
async def test_a_conversation_is_forked_from_a_message(person: Person) -> None:
    person.has("s", ["one", "two", "three"], session_name="Whole")
    await person.arrive("#/s/s", wait=".message")

    more = person.messages.nth(1).get_by_role("button", name="More for this message")
    await person.choose(more, "Fork from here")

    await expect(person.messages).to_have_count(2)
    await expect(person.sessions).to_have_count(2)
    assert person.session_id() != "s"
    assert person.stored(person.session_id()) == ["one", "two"]


@pytest.mark.slow
async def test_an_answer_is_judged_and_a_message_redacted(person: Person) -> None:
    person.has("s", ["My number is 12345", "Noted"])
    await person.arrive("#/s/s", wait=".message")

    await person.messages.nth(1).get_by_role("button", name="Good answer").click()
    await expect(person.messages.nth(1).get_by_role("button", name="Good answer")).to_have_attribute(
        "aria-pressed", "true"
    )
    await person.choose(person.messages.nth(0).get_by_role("button", name="More for this message"), "Redact")
    await person.page.get_by_role("dialog").get_by_role("button", name="Redact").click()

    await expect(person.messages.nth(0)).to_contain_text("This message was redacted")
    stored = person.parley.ask("/api/chat/sessions/s", person.user)["messages"]
    assert (stored[0]["content"], stored[1]["feedback"]["rating"]) == ("", "up")


@pytest.mark.slow
async def test_a_comment_on_an_answer_says_whether_it_is_good(person: Person) -> None:
    person.has("s", ["Hello", "Hi"])
    await person.arrive("#/s/s", wait=".message")

    await comment(person, "Too short", rating="bad")

    await expect(person.messages.nth(1).get_by_role("button", name="Bad answer")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert feedback_of(person) == {"rating": "down", "comment": "Too short"}


async def comment(person: Person, text: str, *, rating: str) -> None:
    """Comment on the second message."""
    dialog = person.page.get_by_role("dialog")
    await person.choose(person.messages.nth(1).get_by_role("button", name="More for this message"), "Comment")
    await dialog.get_by_role("textbox").fill(text)
    await expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    await dialog.get_by_role("radio", name=rating).check()
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)


def feedback_of(person: Person) -> Any:
    """Return what is stored of what is thought of the second message."""
    return person.parley.ask("/api/chat/sessions/s", person.user)["messages"][1]["feedback"]


@pytest.mark.slow
async def test_another_rating_keeps_the_comment(person: Person) -> None:
    person.has("s", ["Hello", "Hi"])
    await person.arrive("#/s/s", wait=".message")
    await comment(person, "Well said", rating="good")
    bad = person.messages.nth(1).get_by_role("button", name="Bad answer")

    await bad.click()
    await expect(bad).to_have_attribute("aria-pressed", "true")
    await bad.click()

    await expect(bad).to_have_attribute("aria-pressed", "true")
    assert feedback_of(person) == {"rating": "down", "comment": "Well said"}


@pytest.mark.slow
async def test_an_archived_session_offers_no_edit(person: Person) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")
    edit = person.messages.first.get_by_role("button", name="Edit and ask again")
    await expect(edit).to_be_visible()

    await person.choose_for_session("Archive")
    await expect(edit).to_be_hidden()
    await person.page.get_by_role("button", name="Restore it to go on").click()

    await expect(edit).to_be_visible()


@pytest.mark.slow
async def test_an_edit_that_is_refused_is_kept_with_the_reason(person: Person) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")
    await person.messages.first.get_by_role("button", name="Edit and ask again").click()
    dialog = person.page.get_by_role("dialog")
    await dialog.get_by_role("textbox").fill("Hello again")
    person.parley.ask("/api/chat/sessions/s/archive", person.user, {})

    await dialog.get_by_role("button", name="Ask again").click()

    fault = dialog.get_by_role("alert")
    await expect(fault).to_contain_text("archived and takes no messages; restore it first. (Request ")
    await expect(dialog.get_by_role("textbox")).to_have_value("Hello again")
    person.parley.ask("/api/chat/sessions/s/restore", person.user, {})
    await dialog.get_by_role("button", name="Ask again").click()
    await expect(person.messages.first).to_contain_text("Hello again")
    assert person.stored("s") == ["Hello again"]


@pytest.mark.slow
async def test_a_message_is_copied_as_it_was_written(person: Person) -> None:
    person.has("s", ["**bold** <b>no</b>"])
    await person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await person.arrive("#/s/s", wait=".message")

    await person.messages.first.get_by_role("button", name="Copy message").click()
    await expect(person.notice).to_contain_text("Copied")

    assert await person.page.evaluate("navigator.clipboard.readText()") == "**bold** <b>no</b>"


EXPORTS = {
    "markdown": (".md", "Bonjour"),
    "json": (".json", '"id":"s"'),
    "ndjson": (".ndjson", '"type":"session"'),
    "openai": (".openai.json", '"role":"user"'),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", EXPORTS)
async def test_a_session_is_exported(person: Person, tmp_path: Path, form: str) -> None:
    ending, held = EXPORTS[form]
    person.has("s", ["Bonjour"], session_name="Français: 1/2")
    await person.arrive("#/s/s", wait=".message")

    await person.choose_for_session("Export")
    await person.page.get_by_label("As", exact=True).select_option(form)
    async with person.page.expect_download() as downloading:
        await person.page.get_by_role("button", name="Export").click()
    download = await downloading.value
    await download.save_as(tmp_path / "export")

    assert download.suggested_filename == f"Français 12{ending}"
    assert held in (tmp_path / "export").read_text("utf-8").replace('": "', '":"')


@pytest.mark.slow
async def test_a_link_is_made_read_by_a_stranger_and_revoked(person: Person, another: Another) -> None:
    person.has("s", [f"message {number}" for number in range(150)], session_name="For all")
    await person.arrive("#/s/s", wait=".message")
    await person.choose_for_session("Share")
    await person.page.get_by_role("button", name="Make a link").click()
    address = await person.page.get_by_label("The new link").input_value()

    stranger = await another("")
    await stranger.page.goto(address)
    await expect(stranger.page.get_by_role("heading", level=1)).to_have_text("For all")
    await expect(stranger.messages.first).to_contain_text("message 0")
    while await stranger.page.get_by_text("message 149", exact=True).count() == 0:
        await stranger.page.keyboard.press("End")
        await stranger.page.locator(".messages").evaluate("box => box.scrollTop = box.scrollHeight")
    await person.page.get_by_role("button", name="Revoke").click()
    await expect(person.page.get_by_role("dialog")).to_contain_text("None.")
    await expect(person.page.get_by_label("The new link")).to_have_count(0)
    await expect(person.page.get_by_role("button", name="Copy link")).to_have_count(0)
    await stranger.page.reload()

    await expect(stranger.page.get_by_text("This link does not work")).to_be_visible()
    assert await stranger.page.evaluate("sessionStorage.length") == 0


@pytest.mark.slow
async def test_messages_are_found_wherever_they_are_and_the_way_back_works(person: Person) -> None:
    contents = [f"message {number}" for number in range(400)]
    contents[120] = "The password is swordfish, remember"
    person.has("long", contents, session_name="Long")
    person.has("other", ["nothing"], session_name="Other")
    await person.arrive()

    await person.page.get_by_role("searchbox").fill("swordfish")
    await person.page.get_by_role("button", name="Search in all messages").click()
    await expect(person.page.locator("mark")).to_have_text("swordfish")
    await person.page.get_by_role("main").get_by_role("link", name=re.compile("swordfish")).click()

    await expect(person.page.locator(".message.found")).to_contain_text("swordfish")
    await expect(person.page.locator(".message.found")).to_be_in_viewport()
    assert person.page.url.endswith("#/s/long/121")
    await person.page.get_by_role("button", name="Newest messages").click()
    await expect(person.page.get_by_text("message 399", exact=True)).to_be_in_viewport()
    await person.page.go_back()
    await expect(person.page.locator("mark")).to_have_text("swordfish")


@pytest.mark.slow
async def test_the_list_is_filtered_by_name_status_channel_and_tag(person: Person) -> None:
    person.has("a", [], session_name="Apples", tags=["fruit"])
    person.has("b", [], session_name="Bread", channel="kitchen")
    person.has("c", [], session_name="Cellar")
    person.parley.ask("/api/chat/sessions/c/archive", person.user, {})
    await person.arrive()
    await expect(person.sessions).to_have_count(2)

    await person.page.get_by_role("searchbox").fill("appl")
    await expect(person.sessions).to_have_text([re.compile("Apples")])
    await person.page.get_by_role("searchbox").fill("")
    await person.page.get_by_label("Filters").click()
    await person.page.get_by_label("Show").select_option("archived")
    await expect(person.sessions).to_have_text([re.compile("Cellar")])
    await person.page.get_by_label("Show").select_option("all")
    await person.page.get_by_label("Channel").fill("kitchen")
    await person.page.get_by_label("Tag").focus()
    await expect(person.sessions).to_have_text([re.compile("Bread")])
    await person.page.get_by_label("Channel").fill("")
    await person.page.get_by_label("Tag").fill("fruit")
    await person.page.get_by_label("Show").focus()
    await expect(person.sessions).to_have_text([re.compile("Apples")])


@pytest.mark.slow
async def test_an_empty_list_says_that_the_filter_hides_others(person: Person) -> None:
    person.has("s", [], session_name="Old")
    person.parley.ask("/api/chat/sessions/s/archive", person.user, {})
    await person.arrive()
    note = person.page.locator(".list-note")

    await expect(note).to_contain_text("Archived ones are hidden by the filter.")
    await person.page.get_by_role("searchbox").fill("New")
    await expect(note).to_contain_text("Nothing matches. Others may be hidden by the filter.")
    await person.page.get_by_role("searchbox").fill("")
    await person.page.get_by_label("Filters").click()
    await person.page.get_by_label("Show").select_option("all")

    await expect(person.sessions).to_have_text([re.compile("Old")])
    await expect(note).to_be_empty()


@pytest.mark.slow
async def test_tags_for_which_there_is_no_room_end_with_an_ellipsis(person: Person) -> None:
    person.has("s", [], tags=[f"tag number {number}" for number in range(8)])
    await person.arrive()

    facts = person.sessions.first.locator(".facts")

    assert await facts.evaluate("box => box.scrollWidth > box.clientWidth")
    assert await facts.evaluate("box => [getComputedStyle(box).display, getComputedStyle(box).textOverflow]") == [
        "block",
        "ellipsis",
    ]


@pytest.mark.slow
async def test_statistics_are_shown_and_everything_is_erased_only_for_the_word(
    person: Person, another: Another
) -> None:
    person.has("s", ["one", "two", "three"])
    neighbour = await another(an_owner())
    neighbour.has("theirs", ["mine"])
    await person.arrive("#/stats", wait=".chart")
    await expect(person.page.get_by_role("img")).to_have_attribute("aria-label", re.compile("3 in 30 days"))

    await person.page.get_by_role("button", name="Erase everything").click()
    erase = person.page.get_by_role("dialog").get_by_role("button", name="Erase everything")
    await expect(erase).to_be_disabled()
    await person.page.get_by_label("Type “erase everything”").fill("erase everything")
    await erase.click()

    await expect(person.notice).to_contain_text("Erased 1 conversation with 3 messages")
    await expect(person.sessions).to_have_count(0)
    assert person.parley.status("/api/chat/sessions/s", person.user) == 404
    assert neighbour.stored("theirs") == ["mine"]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["-1", "1.5", "Infinity", "99", "0x2", "2/3/<b>"])
async def test_a_link_to_a_message_that_cannot_be_leads_to_the_newest(person: Person, place: str) -> None:
    person.has("s", ["Hello", "Hi"])

    await person.arrive(f"#/s/s/{place}", wait=".message")

    await expect(person.messages).to_have_count(2)
    assert person.visit.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("session", ["unknown", "..", "a%00b", "%2e%2e%2fstats"])
async def test_a_link_to_what_is_not_there_says_so(person: Person, session: str) -> None:
    await person.arrive(f"#/s/{session}", wait=".status .banner")

    await expect(person.page.get_by_role("alert")).to_contain_text("There is no such conversation")
    await expect(person.box).to_be_hidden()

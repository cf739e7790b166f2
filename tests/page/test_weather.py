"""The page when the network, the store or another tab do what they do."""

import re

import pytest
from playwright.async_api import Route, expect

from tests.page.conftest import Another
from tests.page.person import Person

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

APPENDS = re.compile(r"/messages$")
SEEN_WITHIN_MS = 2000
SLOW_MS = 15_000


async def test_two_tabs_see_each_others_messages_edits_and_names(person: Person, another: Another) -> None:
    person.has("s", ["Hello", "Hi"], session_name="Ours")
    other = await another(person.user)
    for each in (person, other):
        await each.arrive("#/s/s", wait=".message")

    await person.say("From the first tab")
    await expect(person.messages).to_have_count(3)
    await expect(other.messages.last).to_contain_text("From the first tab", timeout=SEEN_WITHIN_MS)
    await other.say("From the second")
    await expect(person.messages.last).to_contain_text("From the second", timeout=SEEN_WITHIN_MS + 500)
    await expect(person.page.locator("#announcer")).to_contain_text("From the second")
    await other.choose_for_session("Rename")
    await other.page.get_by_role("textbox", name="Name").fill("Renamed")
    await other.page.get_by_role("button", name="Save").click()

    await expect(person.page.get_by_role("heading", level=1)).to_have_text("Renamed")
    assert await person.texts() == await other.texts() == ["Hello", "Hi", "From the first tab", "From the second"]


async def test_a_message_that_did_not_get_through_waits_and_is_sent_once(person: Person) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")
    await person.page.context.set_offline(True)

    await person.say("Do not lose me")
    again = person.page.get_by_role("button", name="Send again")
    await expect(again).to_be_visible(timeout=SLOW_MS)
    await expect(person.page.get_by_role("alert")).to_contain_text("Not sent. Parley cannot be reached.")
    await person.page.context.set_offline(False)
    await again.click()

    await expect(person.messages).to_have_count(2)
    await expect(again).to_have_count(0)
    await expect(person.page.locator(".pending")).to_have_count(0)
    assert person.stored("s") == ["Hello", "Do not lose me"]


async def test_a_message_whose_answer_was_lost_is_stored_once_also_after_a_reload(person: Person) -> None:
    person.has("s", ["Hello"])

    async def lose(route: Route) -> None:
        if route.request.method == "POST":
            await route.fetch()
        await route.abort()

    await person.arrive("#/s/s", wait=".message")
    await person.page.route(APPENDS, lose)
    await person.page.route(re.compile(r"/sessions/s\?"), lambda route: route.abort())
    await person.say("Once only")
    await expect(person.page.get_by_role("button", name="Send again")).to_be_visible(timeout=SLOW_MS)
    await person.page.unroute_all()
    await person.page.reload()

    await expect(person.messages.nth(1)).to_contain_text("Once only")
    await expect(person.messages).to_have_count(2)
    await expect(person.page.get_by_role("button", name="Send again")).to_have_count(0)
    assert person.stored("s") == ["Hello", "Once only"]


async def test_the_first_message_of_a_session_survives_a_reload_before_it_is_sent(person: Person) -> None:
    await person.arrive("#/new")
    await person.page.context.set_offline(True)
    await person.say("First words")
    await expect(person.page.get_by_role("button", name="Send again")).to_be_visible(timeout=SLOW_MS)
    await person.page.context.set_offline(False)
    await person.page.reload()

    await person.page.get_by_role("button", name="Send again").click()

    await expect(person.sessions).to_have_count(1)
    assert person.stored(person.session_id()) == ["First words"]


async def test_a_reader_who_was_offline_sees_what_came_meanwhile(person: Person) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")
    await person.page.context.set_offline(True)
    await expect(person.page.locator(".offline")).to_contain_text("cannot be reached", timeout=SLOW_MS)
    messages = {"messages": [{"role": "assistant", "content": f"news {number}"} for number in range(120)]}
    person.parley.ask("/api/chat/sessions/s/messages", person.user, messages)

    await person.page.context.set_offline(False)

    await expect(person.page.get_by_text("news 119", exact=True)).to_be_visible(timeout=SLOW_MS)
    await expect(person.page.locator(".offline")).to_be_hidden()


async def test_a_slow_store_shows_what_is_going_on(person: Person) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")
    held: list[Route] = []
    await person.page.route(APPENDS, lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given

    await person.say("Patience")
    await expect(person.messages.last).to_contain_text("Sending")
    await expect(person.box).to_be_focused()
    await person.box.fill("The next one is written meanwhile")
    await person.page.wait_for_selector(".pending")
    await held[0].continue_()

    await expect(person.page.locator(".pending")).to_have_count(0)
    await expect(person.box).to_have_value("The next one is written meanwhile")
    assert person.stored("s") == ["Hello", "Patience"]


async def test_a_store_that_fails_is_explained_with_the_request_and_asked_again(person: Person) -> None:
    refusal = {
        "status": 503,
        "content_type": "application/problem+json",
        "body": '{"code": "store_unavailable", "detail": "The store cannot be reached.", "request_id": "abc-1"}',
    }
    await person.page.route(re.compile("/api/chat/sessions"), lambda route: route.fulfill(**refusal))
    await person.arrive(wait=".list-note button")

    await expect(person.page.locator(".list-note")).to_contain_text("The store cannot be reached.")
    await expect(person.page.locator(".list-note")).to_contain_text("(Request abc-1)")
    await person.page.unroute_all()
    await person.page.get_by_role("button", name="Try again").click()

    await expect(person.page.locator(".list-note")).to_contain_text("No conversations yet")


async def test_a_session_that_is_deleted_elsewhere_says_so(person: Person, another: Another) -> None:
    person.has("s", ["Hello"], session_name="Short")
    other = await another(person.user)
    await person.arrive("#/s/s", wait=".message")
    await other.arrive("#/s/s", wait=".message")

    await other.choose_for_session("Delete")
    await other.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    await expect(person.page.get_by_text("was deleted elsewhere")).to_be_visible()
    await expect(person.sessions).to_have_count(0)


async def test_a_missing_function_key_is_asked_for(person: Person) -> None:
    await person.page.route(re.compile("/api/chat/"), lambda route: route.fulfill(status=401))
    await person.page.goto(f"{person.parley.url}/api/app")
    await person.page.get_by_label("Your user id").fill(person.user)
    await person.page.get_by_role("button", name="Go on").click()

    await expect(person.page.get_by_role("alert")).to_contain_text("function key")
    await expect(person.page.get_by_text("Whoever has this key can read, change and erase")).to_be_visible()
    await person.page.unroute_all()
    await person.page.get_by_label("Function key").fill("k-e-y")
    async with person.page.expect_request(re.compile("/api/chat/sessions")) as asking:
        await person.page.get_by_role("button", name="Go on").click()

    request = await asking.value
    assert (await request.all_headers())["x-functions-key"] == "k-e-y"
    assert "k-e-y" not in request.url + person.page.url


async def test_without_a_model_messages_are_kept_and_nobody_is_asked(person: Person) -> None:
    await person.arrive("#/new")

    await person.say("one")
    await expect(person.messages).to_have_count(1)
    await expect(person.page.get_by_text("Sending")).to_have_count(0)
    await person.say("two")
    await expect(person.messages).to_have_count(2)
    await expect(person.page.get_by_text("Sending")).to_have_count(0)

    assert person.stored(person.session_id()) == ["one", "two"]
    assert sum(url.endswith("/turns") for url in person.visit.requested) == 0
    await expect(person.page.get_by_role("button", name="Ask again", exact=True)).to_have_count(0)

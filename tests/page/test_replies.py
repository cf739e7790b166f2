"""The model's reply as it is made: in the browser, with a model that says what the test says."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browser import command_or_skip
from tests.e2e.process import Parley, running
from tests.page.conftest import Another
from tests.page.person import Person
from tests.page.test_hostile_content import HOSTILE, assert_harmless
from tests.turns.model_server import FakeModel, Script, chunk, serving_model, whole

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[FakeModel]:
    """Run a model."""
    command_or_skip()
    async with serving_model() as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parley(model: FakeModel, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parley]:
    """Run Parley with that model."""
    folder = tmp_path_factory.mktemp("data")
    settings = {"SQLITE_PATH": str(folder / "parley.db"), "MODEL_ENDPOINT": f"{model.url}/v1", "MODEL_NAME": "small"}
    with (folder / "log").open("w") as log, running(log=log, **settings) as process:
        yield process


def slowly(*texts: str) -> Script:
    """Return an answer that waits after each text until the test goes on."""
    chunks: list[Any] = []
    for text in texts:
        chunks += [chunk(text), None]
    return Script([*chunks, *whole()])


async def test_a_reply_is_seen_while_it_is_made_and_stored_once(person: Person, model: FakeModel) -> None:
    model.next(slowly("Once upon ", "a **time**"))
    await person.arrive("#/new")
    await person.say("Tell me a story")

    await expect(person.page.locator(".incoming")).to_contain_text("Once upon")
    model.go_on()
    await expect(person.page.locator(".incoming strong").last).to_have_text("time")
    model.go_on()

    await expect(person.page.locator(".incoming")).to_have_count(0)
    await expect(person.messages).to_have_count(2)
    await expect(person.page.locator("#announcer")).to_contain_text("The assistant answered: Once upon")
    assert person.stored(person.session_id()) == ["Tell me a story", "Once upon a **time**"]


async def test_a_reply_is_stopped_and_what_came_is_kept(person: Person, model: FakeModel) -> None:
    model.next(slowly("Once"))
    await person.arrive("#/new")
    await person.say("Tell me a story")
    await expect(person.page.locator(".incoming")).to_contain_text("Once")

    await person.page.get_by_role("button", name="Stop the reply").click()

    await expect(person.messages.last).to_contain_text("stopped")
    assert person.stored(person.session_id()) == ["Tell me a story", "Once"]
    await expect(person.page.get_by_role("button", name="Send")).to_be_visible()


async def test_a_reply_is_taken_up_again_after_a_reload(person: Person, model: FakeModel) -> None:
    model.next(slowly("Once upon ", "a time"))
    await person.arrive("#/new")
    await person.say("Tell me a story")
    await expect(person.page.locator(".incoming")).to_contain_text("Once upon")

    await person.page.reload()
    await expect(person.page.locator(".incoming")).to_contain_text("Once upon")
    model.go_on()
    await expect(person.page.locator(".incoming")).to_contain_text("a time")
    model.go_on()

    await expect(person.page.locator(".incoming")).to_have_count(0)
    assert person.stored(person.session_id()) == ["Tell me a story", "Once upon a time"]


async def test_the_newest_reply_is_asked_for_again(person: Person, model: FakeModel) -> None:
    await person.arrive("#/new")
    await person.say("Hi")
    await expect(person.messages.last).to_contain_text("Hello there.")
    await expect(person.page.locator(".incoming")).to_have_count(0)

    model.next(Script(whole("Good ", "day!")))
    await person.messages.last.get_by_role("button", name="Ask again").click()

    await expect(person.messages.last).to_contain_text("Good day!")
    await expect(person.messages).to_have_count(2)
    assert person.stored(person.session_id()) == ["Hi", "Good day!"]


async def test_a_question_is_edited_and_asked_again(person: Person, model: FakeModel) -> None:
    person.has("s", ["What is 1 + 1?", "2", "And 2 + 2?", "5"])
    await person.arrive("#/s/s", wait=".message")

    model.next(Script(whole("six")))
    await person.messages.nth(2).hover()
    await person.messages.nth(2).get_by_role("button", name="Edit and ask again").click()
    await person.page.get_by_role("dialog").get_by_role("textbox").fill("And 3 + 3?")
    await person.page.get_by_role("dialog").get_by_role("button", name="Ask again").click()

    await expect(person.messages.last).to_contain_text("six")
    await expect(person.messages).to_have_count(4)
    await expect(person.page.locator(".incoming")).to_have_count(0)
    assert person.stored("s") == ["What is 1 + 1?", "2", "And 3 + 3?", "six"]


async def test_a_reply_that_fails_says_so_and_is_asked_for_again(person: Person, model: FakeModel) -> None:
    model.next(Script(status=400, body={"error": {"message": "secret words of the model"}}))
    await person.arrive("#/new")
    await person.say("Hello?")

    fault = person.page.get_by_role("alert")
    await expect(fault).to_contain_text("No reply.")
    await expect(fault).to_contain_text("(Request ")
    await expect(fault).not_to_contain_text("secret")
    await fault.get_by_role("button", name="Ask again").click()

    await expect(person.messages.last).to_contain_text("Hello there.")
    await expect(person.page.locator(".incoming")).to_have_count(0)
    await expect(fault).to_have_count(0)
    assert person.stored(person.session_id()) == ["Hello?", "Hello there."]


async def test_a_hostile_reply_is_text_while_it_comes_and_after(person: Person, model: FakeModel) -> None:
    model.next(slowly(*(f"{text[:3000]}\n\n" for text in HOSTILE.values())))
    await person.arrive("#/new")
    await person.say("Attack")
    for _ in HOSTILE:
        await model.waiting.wait()
        model.waiting.clear()
        model.go_on()

    await expect(person.page.locator(".incoming")).to_have_count(0)
    await expect(person.messages.last).to_contain_text("<iframe")
    await assert_harmless(person)


async def test_who_wants_no_motion_sees_none(person: Person, model: FakeModel) -> None:
    model.next(Script([None, *whole("Yes")]))
    await person.page.emulate_media(reduced_motion="reduce")
    await person.arrive("#/new")
    await person.say("Hello")
    await person.page.wait_for_selector(".waiting .icon")

    assert await person.page.evaluate("() => document.getAnimations().length") == 0
    model.go_on()
    await expect(person.messages.last).to_contain_text("Yes")


async def test_a_question_that_came_over_the_api_can_be_asked(person: Person, model: FakeModel) -> None:
    person.has("s", ["Hello", "Hi"])
    await person.arrive("#/s/s", wait=".message")
    person.parley.ask("/api/chat/sessions/s/messages", person.user, {"role": "user", "content": "And now?"})

    await expect(person.page.locator(".status")).to_contain_text("No reply yet.")
    await person.page.reload()
    await person.page.locator(".status").get_by_role("button", name="Ask again").click()

    await expect(person.messages.last).to_contain_text("Hello there.")
    await expect(person.page.locator(".banner:visible")).to_have_count(0)
    assert person.stored("s") == ["Hello", "Hi", "And now?", "Hello there."]


async def test_a_fork_that_ends_with_a_question_can_be_asked(person: Person, model: FakeModel) -> None:
    person.has("s", ["Hello", "Hi"])
    await person.arrive("#/s/s", wait=".message")

    await person.messages.first.hover()
    more = person.messages.first.get_by_role("button", name="More for this message")
    await person.choose(more, "Fork from here")
    await expect(person.messages).to_have_count(1)
    await person.page.locator(".status").get_by_role("button", name="Ask again").click()

    await expect(person.messages.last).to_contain_text("Hello there.")
    assert person.stored(person.session_id()) == ["Hello", "Hello there."]


async def test_a_reply_that_another_browser_waits_for_is_seen_and_paid_once(
    person: Person, another: Another, model: FakeModel
) -> None:
    person.has("s", [])
    other = await another(person.user)
    await person.arrive("#/s/s")
    await other.arrive("#/s/s")
    asked = len(model.asked)
    model.next(slowly("Once upon ", "a time"))

    await person.say("Tell me a story")
    await expect(other.page.locator(".incoming")).to_contain_text("Once upon")
    await expect(person.page.locator(".banner:visible")).to_have_count(0)
    model.go_on()
    await expect(other.page.locator(".incoming")).to_contain_text("a time")
    model.go_on()

    for each in (person, other):
        await expect(each.messages).to_have_count(2)
        await expect(each.page.locator(".incoming, .banner:visible")).to_have_count(0)
    assert len(model.asked) == asked + 1


async def test_a_reply_from_elsewhere_takes_the_fault_away(person: Person, model: FakeModel) -> None:
    model.next(Script(status=400, body={"error": {"message": "no"}}))
    await person.arrive("#/new")
    await person.say("Hello?")
    await expect(person.page.get_by_role("alert")).to_contain_text("No reply.")

    reply = {"role": "assistant", "content": "From elsewhere"}
    person.parley.ask(f"/api/chat/sessions/{person.session_id()}/messages", person.user, reply)

    await expect(person.messages.last).to_contain_text("From elsewhere")
    await expect(person.page.get_by_role("alert")).to_have_count(0)


async def test_another_reply_that_fails_keeps_the_first(person: Person, model: FakeModel) -> None:
    person.has("s", ["Hello"])
    await person.arrive("#/s/s", wait=".message")
    await person.page.locator(".status").get_by_role("button", name="Ask again").click()
    await expect(person.messages.last).to_contain_text("Hello there.")
    await expect(person.page.locator(".incoming")).to_have_count(0)

    model.next(Script(status=400, body={"error": {"message": "no"}}))
    await person.messages.last.get_by_role("button", name="Ask again").click()

    await expect(person.notice).to_contain_text("No other reply.")
    await expect(person.page.locator(".status .banner")).to_have_count(0)
    assert person.stored("s") == ["Hello", "Hello there."]


async def test_a_reply_that_was_cut_off_says_so(person: Person, model: FakeModel) -> None:
    model.next(Script(whole("Once upon a", finish="length")))
    await person.arrive("#/new")

    await person.say("Tell me a story")

    await expect(person.messages.last.locator("header")).to_contain_text("cut off at its longest")

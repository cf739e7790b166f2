"""The model's reply as it is made: in the browser, with a model that says what the test says."""

import re

import pytest
from playwright.async_api import expect

from tests.page.person import Person

NO_MODEL = {
    "status": 501,
    "content_type": "application/problem+json",
    "body": '{"status": 501, "detail": "No model.", "code": "no_responder"}',
}

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


async def test_a_reply_is_seen_while_it_is_made_and_stored_once(person: Person) -> None:
    await person.with_model()
    await person.arrive("#/new")
    await person.say("Tell me a story")

    await person.model("say('Once upon ')")
    await expect(person.messages.last).to_contain_text("Once upon")
    await person.model("say('a **time**')")
    await expect(person.messages.last.locator("strong").last).to_have_text("time")
    await person.model("end()")

    await expect(person.page.locator(".incoming")).to_have_count(0)
    await expect(person.messages).to_have_count(2)
    await expect(person.page.locator("#announcer")).to_contain_text("The assistant answered: Once upon")
    assert person.stored(person.session_id()) == ["Tell me a story", "Once upon a **time**"]


async def test_a_reply_is_stopped_and_what_came_is_kept(person: Person) -> None:
    await person.with_model()
    await person.arrive("#/new")
    await person.say("Tell me a story")
    await person.model("say('Once')")
    await expect(person.messages.last).to_contain_text("Once")

    await person.page.get_by_role("button", name="Stop the reply").click()

    await expect(person.messages.last).to_contain_text("stopped")
    assert person.stored(person.session_id()) == ["Tell me a story", "Once"]
    await expect(person.page.get_by_role("button", name="Send")).to_be_visible()


async def test_the_newest_reply_is_asked_for_again(person: Person) -> None:
    person.has(
        "s", [{"id": "q", "role": "user", "content": "Hi"}, {"id": "reply-q", "role": "assistant", "content": "Go"}]
    )
    await person.with_model()
    await person.arrive("#/s/s", wait=".message")

    await person.messages.last.get_by_role("button", name="Ask again").click()
    await person.model("say('Hello!')")
    await person.model("end()")

    await expect(person.messages.last).to_contain_text("Hello!")
    assert await person.texts() == ["Hi", "Hello!"]
    assert person.stored("s") == ["Hi", "Hello!"]


async def test_a_question_is_edited_and_asked_again(person: Person) -> None:
    person.has("s", ["What is 1 + 1?", "2", "And 2 + 2?", "5"])
    await person.with_model()
    await person.arrive("#/s/s", wait=".message")

    await person.messages.nth(2).hover()
    await person.messages.nth(2).get_by_role("button", name="Edit and ask again").click()
    await person.page.get_by_role("dialog").get_by_role("textbox").fill("And 3 + 3?")
    await person.page.get_by_role("dialog").get_by_role("button", name="Ask again").click()
    await person.model("say('6')")
    await person.model("end()")

    await expect(person.messages).to_have_count(4)
    await expect(person.messages.last).to_contain_text("6")
    assert person.stored("s") == ["What is 1 + 1?", "2", "And 3 + 3?", "6"]


async def test_a_reply_that_fails_says_so_and_is_asked_for_again(person: Person) -> None:
    await person.with_model()
    await person.arrive("#/new")
    await person.say("Hello?")

    await person.model("fail({code: 'model_timeout', detail: 'The model took too long.', request_id: 'r-1'})")
    await expect(person.page.get_by_role("alert")).to_contain_text(
        "No reply. The model took too long. Ask again. (Request r-1)"
    )
    await person.page.get_by_role("alert").get_by_role("button", name="Ask again").click()
    await person.model("say('Here')")
    await person.model("end()")

    await expect(person.messages).to_have_count(2)
    await expect(person.page.get_by_role("alert")).to_have_count(0)
    assert person.stored(person.session_id()) == ["Hello?", "Here"]


async def test_without_a_model_messages_are_kept_and_nobody_is_asked_twice(person: Person) -> None:
    await person.page.route(re.compile("/turns$"), lambda route: route.fulfill(**NO_MODEL))
    await person.arrive("#/new")

    await person.say("one")
    await expect(person.messages).to_have_count(1)
    await person.say("two")
    await expect(person.messages).to_have_count(2)
    await expect(person.page.get_by_text("Sending")).to_have_count(0)

    assert person.stored(person.session_id()) == ["one", "two"]
    assert sum(url.endswith("/turns") for url in person.visit.requested) == 1
    await expect(person.page.get_by_role("button", name="Ask again", exact=True)).to_have_count(0)

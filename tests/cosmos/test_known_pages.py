"""What a write was just answered with, and pages read before: not read again, and never shown when they are not so."""

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.models import Message, NewMessage, Session, stored_bytes
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.head import Head
from shared.store.cosmos.known_pages import SHARES, KnownPages
from shared.store.cosmos.limits import Limits
from tests.builders import a_message, a_session
from tests.conftest import CosmosPlace, open_cosmos
from tests.cosmos.requests import requests
from tests.cosmos.stored import Stored
from tests.cosmos.test_documents import TEXT, grown

STEPS = 60
WINDOW = 50  # messages


@pytest.fixture
def here(store: CosmosStore) -> CosmosStore:
    """Return the instance that a test is about."""
    return store


@pytest_asyncio.fixture
async def there(cosmos_place: CosmosPlace) -> AsyncIterator[CosmosStore]:
    """Open another, on which others act."""
    opened = open_cosmos(cosmos_place)
    yield opened
    await opened.close()


def texts(count: int) -> list[NewMessage]:
    return [a_message(f"{number} {TEXT}") for number in range(count)]


async def say(store: CosmosStore, session: Session) -> list[Message]:
    """Append, and return the newest messages as a turn's prompt has them."""
    appended = await store.append(session.user_id, session.id, [a_message(TEXT)])
    _, page = await store.read(session.user_id, session.id, WINDOW, as_of=appended.etag)
    return page.messages


async def seen(store: CosmosStore, session: Session) -> list[Message]:
    await store.catch_up(session.user_id, session.id)
    _, page = await store.read(session.user_id, session.id, WINDOW)
    return page.messages


async def test_turns_of_a_long_session_ask_for_its_pages_once(here: CosmosStore, owner: str) -> None:
    session = await grown(here, owner, 60)
    await say(here, session)

    costs = [await requests(say(here, session)) for _ in range(20)]

    assert costs == [1] * 20
    assert await say(here, session) == await seen(here, session)


async def test_a_page_that_another_instance_made_is_asked_for_by_itself(
    here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    session = await grown(here, owner, 60)
    await say(here, session)
    await there.append(owner, session.id, texts(20))

    assert await requests(say(here, session)) <= 3
    assert await say(here, session) == await seen(there, session)


async def test_a_message_redacted_elsewhere_is_in_no_prompt(here: CosmosStore, there: CosmosStore, owner: str) -> None:
    session = await grown(here, owner, 60)
    in_a_page = (await say(here, session))[-1]
    await there.edit_message(owner, session.id, in_a_page.id, Message.redacted)

    found = {message.id: message for message in await say(here, session)}

    assert found.get(in_a_page.id, in_a_page.redacted()).is_redacted
    assert await say(here, session) == await seen(there, session)


async def test_a_message_redacted_after_the_write_and_before_its_page_is_read_is_redacted_ever_after(
    here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    session = await grown(here, owner, 60)
    appended = await here.append(owner, session.id, [a_message(TEXT)])
    in_a_page = (await seen(there, session))[-5]
    await there.edit_message(owner, session.id, in_a_page.id, Message.redacted)

    await here.read(owner, session.id, WINDOW, as_of=appended.etag)

    found = {message.id: message for message in await say(here, session)}
    assert found[in_a_page.id].is_redacted


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 40))])
async def test_whatever_two_instances_do_a_prompt_is_what_is_stored(
    here: CosmosStore, there: CosmosStore, owner: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    session = await grown(here, owner, 40)
    for _ in range(STEPS):
        await _change(chance.choice((here, there)), session, chance)
        store, other = chance.sample((here, there), 2)
        assert await say(store, session) == await seen(other, session)


async def _change(store: CosmosStore, session: Session, chance: random.Random) -> None:
    """Do one thing of those that change what a prompt holds; nothing mostly."""
    place = session.user_id, session.id
    newest = await seen(store, session)
    message = chance.choice(newest)
    match chance.randrange(12):
        case 0:
            await store.edit_message(*place, message.id, Message.redacted)
        case 1:
            await store.edit_message(*place, message.id, lambda found: found.model_copy(update={"content": "changed"}))
        case 2:
            await store.rewind(*place, message.seq)
        case 3:
            await store.replace_tail(*place, message.seq, texts(3))
        case 4:
            await store.append(*place, texts(chance.randrange(1, 30)))
        case 5 if chance.random() < 0.3:
            await store.clear(*place)
        case 6 if chance.random() < 0.3:
            await store.delete(*place)
            await store.create(a_session(session.user_id, id=session.id), texts(25))


# What is kept


def a_head(stored_head: dict[str, object], **log: object) -> Head:
    return Head({**stored_head, "log": {**stored_head["log"], **log}})  # type: ignore[dict-item]


async def test_pages_are_known_under_their_epoch_and_edits_alone(here: CosmosStore, stored: Stored, owner: str) -> None:
    session = await grown(here, owner)
    head = Head(await stored.head(session))
    (page, *_) = await stored.pages(session)
    known = KnownPages(Limits())
    known.keep(head, {0: page})

    assert known.of(head) == {0: page}
    assert known.of(a_head(head.document, edits=head.edits + 1)) == {}
    assert known.of(a_head(head.document, epoch="another")) == {}
    assert known.of(Head({**head.document, "user_id": "somebody-else"})) == {}


async def test_those_used_longest_ago_make_room(here: CosmosStore, stored: Stored, owner: str) -> None:
    session = await grown(here, owner)
    document = await stored.head(session)
    (page, *_) = await stored.pages(session)
    heads = [Head({**document, "id": f"session-{number}"}) for number in range(SHARES + 8)]
    known = KnownPages(Limits(known_pages_bytes=SHARES * stored_bytes(page["messages"])))

    for head in heads:
        known.keep(head, {0: page})

    assert [bool(known.of(head)) for head in heads] == [False] * 8 + [True] * SHARES
    known.keep(heads[-1], {})
    assert not known.of(heads[-1])


async def test_of_one_session_the_newest_are_kept_and_no_other_makes_room_for_it(
    here: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(here, owner)
    head = Head(await stored.head(session))
    (page, *_) = await stored.pages(session)
    other = Head({**head.document, "id": "another"})
    known = KnownPages(Limits(known_pages_bytes=2 * SHARES * stored_bytes(page["messages"])))
    known.keep(other, {0: page})

    known.keep(head, dict.fromkeys(range(100), page))
    assert list(known.of(head)) == [99, 98]
    known.add(head, {**page, "generation": 100})

    assert list(known.of(head)) == [100, 99]
    assert known.of(other)


@pytest.mark.parametrize("deed", ["redact", "clear", "delete"])
async def test_what_is_gone_is_forgotten_at_once(here: CosmosStore, stored: Stored, owner: str, deed: str) -> None:
    session = await grown(here, owner, 60)
    oldest = (await say(here, session))[-1]
    head = Head(await stored.head(session))
    known = here._items.known_pages
    assert known.of(head)

    if deed == "redact":
        await here.edit_message(owner, session.id, oldest.id, Message.redacted)
    else:
        await getattr(here, deed)(owner, session.id)

    assert not known.of(head)

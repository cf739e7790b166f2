"""What belongs to one owner does not exist for any other."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import signature

import pytest

from shared.errors import MessageNotFoundError, SessionNotFoundError, ShareNotFoundError
from shared.models import MessageQuery, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import a_lease, a_message, a_session, a_share, all_messages, an_owner, fill, listed, messages

Verb = Callable[[SessionStore, str, str], Awaitable[object]]
VERBS: dict[str, Verb] = {
    "get": lambda store, user_id, session_id: store.get(user_id, session_id),
    "read": lambda store, user_id, session_id: store.read(user_id, session_id, 10),
    "read_messages": lambda store, user_id, session_id: store.read_messages(user_id, session_id, MessageQuery(limit=9)),
    "stats": lambda store, user_id, session_id: store.stats(user_id, session_id),
    "append": lambda store, user_id, session_id: store.append(user_id, session_id, [a_message()]),
    "append a batch": lambda store, user_id, session_id: store.append(user_id, session_id, messages(20)),
    "update": lambda store, user_id, session_id: store.update(user_id, session_id, SessionChanges(session_name="x")),
    "get_message": lambda store, user_id, session_id: store.get_message(user_id, session_id, "none"),
    "edit_message": lambda store, user_id, session_id: store.edit_message(user_id, session_id, "none", lambda it: it),
    "add_share": lambda store, user_id, session_id: store.add_share(user_id, session_id, a_share()),
    "list_shares": lambda store, user_id, session_id: store.list_shares(user_id, session_id),
    "remove_share": lambda store, user_id, session_id: store.remove_share(user_id, session_id, "none"),
    "hold_turn": lambda store, user_id, session_id: store.hold_turn(user_id, session_id, a_lease()),
    "end_turn": lambda store, user_id, session_id: store.end_turn(user_id, session_id, "holder"),
    "stop_turn": lambda store, user_id, session_id: store.stop_turn(user_id, session_id, "reply"),
    "rewind": lambda store, user_id, session_id: store.rewind(user_id, session_id, 1),
    "replace_tail": lambda store, user_id, session_id: store.replace_tail(user_id, session_id, 0, []),
    "clear": lambda store, user_id, session_id: store.clear(user_id, session_id),
    "delete": lambda store, user_id, session_id: store.delete(user_id, session_id),
}
STRANGE_OWNERS = ["o'brien", 'say "hi"', "100%", "a_b", "ß 漢字 😀", "x" * 128, "a~b", "a=b&c", "a|b", " spaced "]


@pytest.mark.parametrize("verb", VERBS)
async def test_no_verb_finds_the_session_of_another_owner(store: SessionStore, session: Session, verb: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await VERBS[verb](store, an_owner(), session.id)


@pytest.mark.parametrize("verb", VERBS)
async def test_no_verb_touches_a_session_of_the_same_id(store: SessionStore, session: Session, verb: str) -> None:
    stored = await fill(store, session, 30)
    before = await store.get(session.user_id, session.id)
    other = await store.create(a_session(an_owner(), id=session.id), messages(2))

    with suppress(MessageNotFoundError, ShareNotFoundError):  # the other owner has none by that name either
        await VERBS[verb](store, other.user_id, other.id)

    assert await store.get(session.user_id, session.id) == before
    assert await all_messages(store, session) == stored


def test_every_verb_about_one_session_is_tried() -> None:
    verbs = SessionStore.__abstractmethods__ - {"catch_up"}  # which is the same whether there is a session or not

    about_one = {verb for verb in verbs if "session_id" in signature(getattr(SessionStore, verb)).parameters}
    assert {name.partition(" ")[0] for name in VERBS} == about_one


async def test_two_owners_may_use_one_session_id(store: SessionStore, session: Session) -> None:
    other = await store.create(a_session(an_owner(), id=session.id, session_name="another's"))

    assert (await store.get(session.user_id, session.id)).session_name is None
    assert (await store.get(other.user_id, other.id)).session_name == "another's"


async def test_two_owners_may_use_one_message_id(store: SessionStore, session: Session) -> None:
    message = a_message("mine")
    other = await store.create(a_session(an_owner(), id=session.id))
    await store.append(session.user_id, session.id, [message])

    appended = await store.append(other.user_id, other.id, [message.model_copy(update={"content": "yours"})])

    assert appended.created
    assert [each.content for each in await all_messages(store, session)] == ["mine"]


async def test_a_list_holds_the_sessions_of_its_owner_only(store: SessionStore, session: Session) -> None:
    await store.create(a_session(an_owner()))

    assert await listed(store, session.user_id) == [session]


@pytest.mark.parametrize("suffix", STRANGE_OWNERS)
async def test_owners_are_compared_exactly(store: SessionStore, suffix: str) -> None:
    owner = suffix if len(suffix) == 128 else f"{an_owner()}{suffix}"
    session = a_session(owner)
    await store.create(session, messages(1))

    assert (await store.get(owner, session.id)).user_id == owner
    for near in (owner.swapcase(), owner[:-1], owner.strip() + "."):
        with pytest.raises(SessionNotFoundError):
            await store.get(near, session.id)


async def test_sessions_of_one_owner_do_not_mix(store: SessionStore, owner: str) -> None:
    first = await store.create(a_session(owner, id="s.1"), messages(3))
    second = await store.create(a_session(owner, id="s.11"), messages(2))

    await store.clear(owner, first.id)

    assert await all_messages(store, first) == []
    assert len(await all_messages(store, second)) == 2

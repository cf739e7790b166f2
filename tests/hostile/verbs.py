"""Every verb of a store, called with hostile text where no check of HTTP's stands before it."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from shared.errors import SessionExistsError
from shared.models import (
    IdleSession,
    ImportedMessage,
    ImportedSession,
    Lease,
    MessageQuery,
    SearchKey,
    SearchQuery,
    SessionChanges,
    SessionFilter,
    SessionKey,
    Share,
    utc_now,
)
from shared.store.port import SessionStore
from tests.builders import a_lease, a_message, a_session

UNTOUCHED = {"ping", "close", "maintain"}  # they take no text
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

VICTIM = "{victim}"  # stands for the id of the user whose data is wanted
PAYLOADS = [
    '"', "'", "\\", "mine\0", "mine\n", 'x" OR "1"="1', "x' OR '1'='1' --", '"}, true) OR (true',
    '"}) OR c.user_id = "{victim}', "mine\\u0022", "..", ".", "../../other/docs/mine", "a/../mine", "..%2fmine",
    "mine?x=", "mine#", "{victim}", '["{victim}"]', "{victim} ", "\uff02 OR true", "\ud800", "/log/messages/-",
    "@user_id", "", "😀",
]  # fmt: skip


@dataclass(frozen=True)
class Texts:
    """The texts that a caller hands to a store; all but one of them are as they should be."""

    user_id: str
    session_id: str = "theirs"
    message_id: str = "theirs"
    new_id: str = "new"
    label: str = "label"
    etag: str = '"etag"'


def _new_session(texts: Texts) -> Any:
    label = texts.label
    return a_session(
        texts.user_id, id=texts.new_id, channel=label, tags=[label], session_name=label, context={label: label}
    )


def _imported(texts: Texts) -> ImportedSession:
    now = utc_now()
    return ImportedSession(**_new_session(texts).model_dump(), updated_at=now, last_activity_at=now, last_seq=1)


def _share(texts: Texts) -> Share:
    return Share(id=texts.new_id, token_hash=texts.label, up_to_seq=1, created_at=utc_now())


def _key(texts: Texts) -> SessionKey:
    return SessionKey(last_activity_at=utc_now(), id=texts.session_id)


def _idle(texts: Texts) -> IdleSession:
    return IdleSession(
        last_activity_at=LONG_AGO, user_id=texts.user_id, id=texts.session_id, ttl_seconds=60, etag=texts.etag
    )


def _lease(texts: Texts) -> Lease:
    return a_lease(texts.label, reply_id=texts.label)


Make = Callable[[Texts], Any]
# How an argument is made, and which texts go into it, by the parameter's name, or by verb and name.
ARGUMENTS: dict[str, tuple[set[str], Make]] = {
    "user_id": ({"user_id"}, lambda texts: texts.user_id),
    "session_id": ({"session_id"}, lambda texts: texts.session_id),
    "message_id": ({"message_id"}, lambda texts: texts.message_id),
    "after_id": ({"session_id"}, lambda texts: texts.session_id),
    "if_match": ({"etag"}, lambda texts: texts.etag),
    "as_of": ({"etag"}, lambda texts: texts.etag),
    "messages": ({"new_id", "label"}, lambda texts: [a_message(texts.label, id=texts.new_id, name=texts.label)]),
    "changes": (
        {"label"},
        lambda texts: SessionChanges.model_construct(session_name=texts.label, context={texts.label: texts.label}),
    ),
    "change": (
        {"label"},
        lambda texts: lambda found: found.model_copy(update={"metadata": {texts.label: texts.label}}),
    ),
    "wanted": ({"label"}, lambda texts: SessionFilter(channel=texts.label, tags=[texts.label], name=texts.label)),
    "query": (set(), lambda _: MessageQuery(limit=10)),
    "after": ({"session_id"}, _key),
    "share": ({"new_id", "label"}, _share),
    "holder": ({"label"}, lambda texts: texts.label),
    "reply_id": ({"message_id"}, lambda texts: texts.message_id),
    "lease": ({"label"}, _lease),
    "turn": ({"label"}, _lease),
    "edit_message.turn": (set(), lambda _: None),
    "share_id": ({"new_id"}, lambda texts: texts.new_id),
    "token_hash": ({"label"}, lambda texts: texts.label),
    "days": ({"label"}, lambda texts: [texts.label]),
    "search.query": (
        {"label", "session_id"},
        lambda texts: SearchQuery(text=texts.label, limit=10, channel=texts.label, session_id=texts.session_id),
    ),
    "search.after": ({"session_id"}, lambda texts: SearchKey(session=_key(texts))),
    "limit": (set(), lambda _: 10),
    "after_seq": (set(), lambda _: 1),
    "idle_since": (set(), lambda _: LONG_AGO),
    "budget_seconds": (set(), lambda _: 5.0),
    "create.session": ({"user_id", "new_id", "label"}, _new_session),
    "import_session.session": ({"user_id", "new_id", "label"}, _imported),
    "import_session.messages": (
        {"new_id", "label"},
        lambda texts: [ImportedMessage(**a_message(texts.label, id=texts.new_id).model_dump())],
    ),
    "archive_idle.session": ({"user_id", "session_id", "etag"}, _idle),
    "idle_sessions.after": ({"user_id", "session_id"}, _idle),
}


def places() -> list[tuple[str, str]]:
    """List each verb with each text that it takes; an unknown parameter is a place that fails."""
    found = []
    for verb in sorted(SessionStore.__abstractmethods__ - UNTOUCHED):
        taken = {text for name in _parameters(verb) for text in _texts_in(verb, name)}
        found += [(verb, text) for text in sorted(taken)]
    return found


def _parameters(verb: str) -> list[str]:
    return [name for name in inspect.signature(getattr(SessionStore, verb)).parameters if name != "self"]


def _texts_in(verb: str, name: str) -> set[str]:
    known = ARGUMENTS.get(f"{verb}.{name}") or ARGUMENTS.get(name)
    return known[0] if known else {f"unknown parameter {name}"}


def _argument(verb: str, name: str) -> Make:
    return (ARGUMENTS.get(f"{verb}.{name}") or ARGUMENTS[name])[1]


async def call(store: SessionStore, verb: str, texts: Texts) -> object:
    """Call a verb with these texts, and return what it returns or raises."""
    try:
        arguments = {name: _argument(verb, name)(texts) for name in _parameters(verb)}
        return await getattr(store, verb)(**arguments)
    except Exception as error:  # noqa: BLE001 - what a caller is told of it is not the question here
        return error


async def attack(store: SessionStore, verb: str, place: str, attacker: str, payload: str) -> tuple[Texts, object]:
    """Call a verb with a payload in one place, as a user with a session of one message."""
    benign = Texts(user_id=attacker)
    with suppress(SessionExistsError):
        await store.create(a_session(attacker, id=benign.session_id), [a_message("theirs", id=benign.message_id)])
    texts = replace(benign, **{place: payload})
    return texts, await call(store, verb, texts)

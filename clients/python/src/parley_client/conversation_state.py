"""What is known of one conversation: which of its messages are stored, and which wait to be. No I/O."""

import json
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from parley_client.calls import Fields, JsonObject
from parley_client.document import digest, exact_moment, is_redacted, marks

Key = tuple[str, int]  # a message's mark, and the how-manieth of its conversation with it

BATCH_MESSAGES: Final = 20
BATCH_BYTES: Final = 400 * 1024
KEPT_FIELDS: Final = ("session_id", "created_at", "original_id", "original_user_id")


@dataclass(slots=True)
class Waiting:
    """A message that is to be stored; `tried` when it was sent, and so may be stored already."""

    key: Key
    message: JsonObject
    size_bytes: int
    tried: bool = False


class ConversationState:
    """One conversation; guarded by the outbox's mutex, while `turn` lets one thread at a time speak for it.

    A message's id follows from the conversation, its mark and its number among those with that mark. So
    everybody who saves the same document asks for the same ids, and Parley stores each of them once.
    """

    def __init__(self, session: JsonObject, customer_id: str) -> None:
        """Know nothing yet of this session of a customer."""
        self.session = session
        self.customer_id = customer_id
        self.turn = threading.Lock()
        self.waiting: dict[str, Waiting] = {}
        self.replaced: list[str] = []
        self.resting_until = 0.0
        self.forget()

    def forget(self) -> None:
        """Know nothing of what is stored; what waits goes on waiting."""
        self.exists = False
        self.current = False
        self.seq = 0
        self._stored: dict[Key, str] = {}
        self._stored_ids: set[str] = set()
        self._counted: Counter[str] = Counter()
        self._refused: set[str] = set()
        self._disputed: set[str] = set()
        self._said: dict[object, Key] = {}

    @property
    def is_settled(self) -> bool:
        """Return whether nothing is left to do."""
        return not self.waiting and not self.replaced

    def offer(self, messages: Iterable[JsonObject], room: int) -> list[Key]:
        """Let a document's messages that are not stored wait, at most `room` new ones; return the keys of them all.

        One that says something else at the very moment of another one, which the document held before and
        does not any more, replaces that one.
        """
        keyed = _keyed(messages)
        asked: dict[str, Waiting] = {}
        for key, message in keyed.items():
            identifier = self._id_of(key)
            known = self.waiting.get(identifier)
            if known:
                asked[identifier] = known
            elif identifier in self._stored_ids:  # redacted since: known by its id alone
                self._stored[key] = identifier
            elif key not in self._stored and identifier not in self._refused and room > 0:
                room -= 1
                asked[identifier] = Waiting(key, {**message, "id": identifier}, _size(message))
                self._replace(message, keyed)
        others = {identifier: each for identifier, each in self.waiting.items() if identifier not in asked}
        self.waiting = others | asked
        self._remember(keyed)
        return list(keyed)

    def _id_of(self, key: Key) -> str:
        return digest([self.session["id"], *key])

    def _replace(self, message: JsonObject, keyed: dict[Key, JsonObject]) -> None:
        earlier = self._said.get(exact_moment(message))
        if earlier is None or earlier in keyed:
            return
        identifier = self._stored.get(earlier) or self._id_of(earlier)
        waiting = self.waiting.get(identifier)
        if waiting and not waiting.tried:
            del self.waiting[identifier]
        elif waiting or identifier in self._stored_ids:
            self.replaced.append(identifier)

    def batch(self) -> list[JsonObject]:
        """Return the messages to send next, as many as one request may hold, and mark them as tried."""
        taken: list[JsonObject] = []
        size = 0
        for each in islice(self.waiting.values(), BATCH_MESSAGES):
            size += each.size_bytes
            if taken and size > BATCH_BYTES:
                break
            each.tried = True
            taken.append(each.message)
        return taken

    def appended(self, messages: Sequence[Fields]) -> None:
        """Take note of messages that were just stored; with a gap before them somebody else has written too."""
        if messages[0]["seq"] > self.seq + 1:
            self.current = False
        else:
            self.seq = messages[-1]["seq"]
        for message in messages:
            self._store(message)

    def read(self, messages: Iterable[Fields]) -> None:
        """Take note of messages as they were read, one after another."""
        for message in messages:
            self.seq = message["seq"]
            self._store(message)
        for identifier in [name for name, each in self.waiting.items() if each.key in self._stored]:
            del self.waiting[identifier]

    def _store(self, message: Fields) -> None:
        if message["id"] in self._stored_ids:
            return
        self._stored_ids.add(message["id"])
        waiting = self.waiting.pop(message["id"], None)
        if waiting:
            self._note(waiting.key, message["id"])
        for mark in [] if is_redacted(message) else marks(message):
            if not waiting or mark != waiting.key[0]:
                self._note((mark, self._counted[mark] + 1), message["id"])

    def _note(self, key: Key, identifier: str) -> None:
        self._stored[key] = identifier
        self._counted[key[0]] = max(self._counted[key[0]], key[1])

    def dispute(self, identifiers: Iterable[str]) -> None:
        """Take note that messages by these ids are said to be stored: look again, and the second time believe it."""
        names = [name for name in identifiers if name in self.waiting]
        for name in names if self._disputed.intersection(names) else []:
            self._stored_ids.add(name)
            self._note(self.waiting.pop(name).key, name)
        self._disputed = set(names)
        self.current = False

    def reduce(self) -> bool:
        """Leave out what else the document holds, which Parley refuses; False when there is nothing to leave out."""
        context = self.session["context"]
        kept = {name: context[name] for name in KEPT_FIELDS if name in context}
        self.session = {**self.session, "context": kept}
        return len(kept) < len(context)

    def refuse(self, identifier: str) -> None:
        """Give up a message that Parley does not take."""
        self.waiting.pop(identifier, None)
        self._refused.add(identifier)

    def has(self, keys: Iterable[Key]) -> bool:
        """Return whether all of these messages are stored."""
        return all(key in self._stored for key in keys)

    def held(self, messages: Iterable[JsonObject]) -> None:
        """Take note of the messages of a document that was read, so that a change to one of them is seen."""
        self._remember(_keyed(messages))

    def _remember(self, keyed: dict[Key, JsonObject]) -> None:
        self._said |= {moment: key for key, message in keyed.items() if (moment := exact_moment(message))}


def _keyed(messages: Iterable[JsonObject]) -> dict[Key, JsonObject]:
    """Number the messages of a document by their marks."""
    counted: Counter[str] = Counter()
    keyed: dict[Key, JsonObject] = {}
    for message in messages:
        mark = marks(message)[0]
        counted[mark] += 1
        keyed[mark, counted[mark]] = message
    return keyed


def _size(message: JsonObject) -> int:
    return len(json.dumps(message, ensure_ascii=False).encode())

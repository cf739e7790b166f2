"""Storing checkpoints and pending writes of a LangGraph thread."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, Final, NamedTuple

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.base import WRITES_IDX_MAP
from langgraph.checkpoint.serde.base import SerializerProtocol

from parley_client import calls
from parley_client.calls import Fields, JsonObject
from parley_client.errors import ParleyError
from parley_client.exchange import Steps
from parley_client.frameworks.history import batches
from parley_client.frameworks.langchain_mapping import readable
from parley_client.frameworks.langgraph_reading import Reader
from parley_client.frameworks.langgraph_records import (
    PIECE_CHARACTERS,
    SILENT,
    SMALL_CHARACTERS,
    Dumped,
    Kind,
    Known,
    Note,
    Place,
    Thread,
    digest_of,
    message_id_for,
    pack,
    runs_of,
)

REMEMBERED: Final = 128  # checkpoints; forgetting one costs a read


class Checkpoint(NamedTuple):
    """What the graph wants stored; a second attempt bears other message ids."""

    parent_id: str | None
    checkpoint: Mapping[str, Any]
    metadata: Mapping[str, Any]
    attempt: str = ""

    def message_id(self, suffix: str = "") -> str:
        """Return the id of the message that holds the checkpoint, or of one that comes with it."""
        return message_id_for(self.checkpoint["id"] + self.attempt, suffix)


class Writer:
    """Stores what a graph says; what it remembers of stored checkpoints saves requests and decides nothing."""

    def __init__(self, serde: SerializerProtocol, messages_channel: str, reader: Reader, *, is_readable: bool) -> None:
        """Write with this serializer; the messages of one channel are a conversation, readable if so wished."""
        self._serde, self._channel, self._reader, self._is_readable = serde, messages_channel, reader, is_readable
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()
        self._mutex = Lock()

    def remember(self, thread: Thread, checkpoint_id: str, known: Known) -> None:
        """Keep where the parts of a checkpoint are."""
        with self._mutex:
            self._known[thread.key, checkpoint_id] = known
            self._known.move_to_end((thread.key, checkpoint_id))
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def forget(self, thread_key: str) -> None:
        """Forget everything of a thread."""
        with self._mutex:
            for key in [key for key in self._known if key[0] == thread_key]:
                del self._known[key]

    def put(self, thread: Thread, given: Checkpoint) -> Steps[None]:
        """Store a checkpoint, in one request unless something of it is larger than a message may be."""
        known = yield from self._knowledge(thread, given.parent_id)
        stored = yield from self._put(thread, given, known)
        if stored.place and stored.place.seq <= known.newest(
            stored.place.kind
        ):  # others have deleted the thread and begun it anew
            stored = yield from self._put(thread, given._replace(attempt=":2"), Known())
        self.remember(thread, given.checkpoint["id"], stored)

    def put_writes(
        self, thread: Thread, checkpoint_id: str, task: tuple[str, str], writes: Sequence[Any]
    ) -> Steps[None]:
        """Store what a task (its id and its path) has written to channels, in one request."""
        dumped = [
            [WRITES_IDX_MAP.get(channel, number), channel, pack(self._serde.dumps_typed(value))]
            for number, (channel, value) in enumerate(writes)
        ]
        body = {"checkpoint": checkpoint_id, "task": task, "writes": dumped}
        message_id = f"w-{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:40]}"
        fitting = yield from self._fitting(thread, body)
        note = Note(message_id, {"thread": thread, "of": checkpoint_id, "writes": fitting})
        seqs = yield from self.append(thread, "steps", [note.message()])
        with self._mutex:
            if known := self._known.get((thread.key, checkpoint_id)):
                self._known[thread.key, checkpoint_id] = replace(known, steps_seq=max(known.steps_seq, *seqs))

    def _knowledge(self, thread: Thread, checkpoint_id: str | None) -> Steps[Known]:
        if checkpoint_id is None:
            return Known()
        with self._mutex:
            known = self._known.get((thread.key, checkpoint_id))
        if known is None:
            loaded = yield from self._reader.get(thread, checkpoint_id)
            known = loaded.known if loaded else Known()
        return known

    def _put(self, thread: Thread, given: Checkpoint, known: Known) -> Steps[Known]:
        versions = given.checkpoint["channel_versions"]
        values = {name: value for name, value in given.checkpoint["channel_values"].items() if name in versions}
        said = values.pop(self._channel) if is_conversation(values.get(self._channel)) else None
        places, new = _placed([(message, self._serde.dumps_typed(message)) for message in said or []], known)
        notes = yield from self._notes(thread, given, new)
        *early, last = batches([note.message() for note in notes]) or [[]]
        seqs: list[int] = []
        for batch in early:
            seqs += yield from self.append(thread, "talk", batch)
        numbers = iter([*seqs, *range(1 - len(last), 1)])
        numbered = [(digest, seq or next(numbers)) for digest, seq in places]
        inline, elsewhere = self._values(values, versions, known)
        body = {
            "checkpoint": pack(self._serde.dumps_typed({**given.checkpoint, "channel_values": {}})),
            "metadata": pack(self._serde.dumps_typed(dict(given.metadata))),
            "values": {name: packed for (name, _), packed in inline.items()},
            "elsewhere": {name: place for (name, _), place in elsewhere.items()},
            "runs": None if said is None else runs_of(numbered),
        }
        about = {"id": given.checkpoint["id"], "parent": given.parent_id, "steps_seq": known.steps_seq}
        carried = notes[len(notes) - len(last) :] or [Note(given.message_id(), {})]
        place = yield from self._record(thread, carried, {"about": about, "record": body})
        large = {key for key, (_, text) in inline.items() if len(text) > SMALL_CHARACTERS}
        return Known(
            messages=[(digest, seq if seq > 0 else place.seq + seq) for digest, seq in numbered],
            values={**elsewhere, **dict.fromkeys(large, place)},
            steps_seq=place.seq if place.kind == "steps" else known.steps_seq,
            place=place,
        )

    def _record(self, thread: Thread, notes: Sequence[Note], held: JsonObject) -> Steps[Place]:
        """Append a checkpoint with the messages that it adds, and return where it is."""
        record = yield from self._fitting(thread, held["record"])
        *others, carrier = notes
        carrier = carrier.holding(**held | {"thread": thread, "record": record})
        kind: Kind = "talk" if "message" in carrier.held or "pieces" in carrier.held else "steps"
        seqs = yield from self.append(thread, kind, [note.message() for note in (*others, carrier)])
        return Place(kind, seqs[-1])

    def _values(
        self, values: Mapping[str, Any], versions: Mapping[str, Any], known: Known
    ) -> tuple[dict[tuple[str, str], list[str]], dict[tuple[str, str], Place]]:
        """Return the values to write, and where the large ones are that are stored in this version already."""
        keys = {name: (name, str(versions[name])) for name in values}
        elsewhere = {key: known.values[key] for key in keys.values() if key in known.values}
        inline = {
            keys[name]: pack(self._serde.dumps_typed(value))
            for name, value in values.items()
            if keys[name] not in elsewhere
        }
        return inline, elsewhere

    def _notes(self, thread: Thread, given: Checkpoint, new: Sequence[tuple[BaseMessage, Dumped]]) -> Steps[list[Note]]:
        """Return the messages that the conversation did not have; the last one has the checkpoint's id."""
        is_readable = self._is_readable and not thread.namespace  # subgraphs repeat what the thread has
        notes: list[Note] = []
        for left, (message, dumped) in zip(range(len(new) - 1, -1, -1), new, strict=True):
            held = yield from self._fitting(thread, {"message": pack(dumped)})
            message_id = given.message_id(f".{left}" if left else "")
            notes.append(Note(message_id, held, readable(message) if is_readable else SILENT))
        return notes

    def _fitting(self, thread: Thread, body: JsonObject) -> Steps[JsonObject]:
        """Return what fits into a message; a body that is too large is stored in pieces first."""
        text = json.dumps(body)
        if len(text) <= PIECE_CHARACTERS:
            return body
        pieces = [text[start : start + PIECE_CHARACTERS] for start in range(0, len(text), PIECE_CHARACTERS)]
        digest = hashlib.sha256(text.encode()).hexdigest()[:40]
        messages = [Note(f"p-{digest}.{number}", {"piece": piece}).message() for number, piece in enumerate(pieces)]
        seqs: list[int] = []
        for batch in batches(messages):
            seqs += yield from self.append(thread, "steps", batch)
        return {"pieces": seqs}

    def append(self, thread: Thread, kind: Kind, messages: Sequence[Fields]) -> Steps[list[int]]:
        """Append, waking a thread that has been archived, and return the seqs."""
        call = calls.append_anywhere(messages, thread.target(kind))
        try:
            stored = yield call
        except ParleyError as error:
            if error.code != "session_archived":
                raise
            yield calls.restore(thread.session_id(kind))
            stored = yield call
        for sent, kept in zip(messages, stored["messages"], strict=True):
            if kept["raw"] != sent["raw"]:  # stored before with another state: the last one counts
                fields = {name: value for name, value in sent.items() if name != "id"}
                yield calls.replace_message(thread.session_id(kind), sent["id"], fields)
        return [message["seq"] for message in stored["messages"]]


def is_conversation(value: object) -> bool:
    """Return whether a channel holds messages and nothing else."""
    return isinstance(value, list) and bool(value) and all(isinstance(entry, BaseMessage) for entry in value)


def _placed(
    said: Sequence[tuple[BaseMessage, Dumped]], known: Known
) -> tuple[list[tuple[str, int]], list[tuple[BaseMessage, Dumped]]]:
    """Return where each message is, 0 for those that are not stored yet, and these."""
    stored = dict(known.messages)
    digests = [digest_of(dumped) for _, dumped in said]
    new = [entry for digest, entry in zip(digests, said, strict=True) if digest not in stored]
    return [(digest, stored.get(digest, 0)) for digest in digests], new

"""How the checkpoints of a LangGraph thread are written into messages of two Parley sessions. No requests here.

`talk` holds the messages of the conversation, each once, readable; `steps` everything else: checkpoints that added no
message, pending writes, and pieces of what is too large for one message. What the graph needs back stands in `raw`,
written by the graph's own serializer. A checkpoint rides in the `raw` of the last message that it added.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from langchain_core.runnables import RunnableConfig

from parley_client.calls import JsonObject
from parley_client.frameworks.mapping import Readable, native_of, to_message
from parley_client.names import NAME_CHARACTERS

Kind = Literal["talk", "steps"]
SMALL_CHARACTERS: Final = 4 * 1024  # a value of this size is written with every checkpoint, a larger one once a version
PIECE_CHARACTERS: Final = 480 * 1024  # two of them are in one request, and what is around them
FRAMEWORK: Final = "langgraph"
SILENT: Final = Readable(role="tool")  # says nothing to anybody, and is never handed to a model: it answers no call


Dumped = tuple[str, bytes]  # a value as the graph's serializer wrote it: its type and its bytes


def pack(dumped: Dumped) -> list[str]:
    """Write a value as JSON can hold it."""
    kind, data = dumped
    return [kind, base64.b64encode(zlib.compress(data)).decode()]


def unpack(packed: Sequence[str]) -> Dumped:
    """Read what `pack` wrote."""
    kind, text = packed
    return kind, zlib.decompress(base64.b64decode(text))


def digest_of(dumped: Dumped) -> str:
    """Return what tells a value from every other."""
    return hashlib.sha256(dumped[0].encode() + b" " + dumped[1]).hexdigest()[:16]


class Place(NamedTuple):
    """Where the message is that holds something."""

    kind: Kind
    seq: int


@dataclass(frozen=True)
class Known:
    """What this process knows of a stored checkpoint: where its messages and large values are.

    `steps_seq`: what was in `steps` before the checkpoint was stored, so that all its writes come after it.
    """

    messages: Sequence[tuple[str, int]] = ()
    values: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    steps_seq: int = 0
    place: Place | None = None

    def newest(self, kind: Kind) -> int:
        """Return the largest seq of a session that something is known to be at."""
        places = [*self.values.values(), *([self.place] if self.place else [])]
        talk = [seq for _, seq in self.messages] if kind == "talk" else [self.steps_seq]
        return max([0, *talk, *(place.seq for place in places if place.kind == kind)])


class Thread(NamedTuple):
    """One namespace of a thread; the ids of its sessions follow from it, whatever characters it is made of."""

    thread_id: str
    namespace: str = ""

    @property
    def key(self) -> str:
        """Return what the ids of both sessions share."""
        return hashlib.sha256(json.dumps([self.thread_id, self.namespace]).encode()).hexdigest()[:40]

    def session_id(self, kind: Kind) -> str:
        """Return the id of one of the two sessions."""
        return f"{kind}-{self.key}"

    def config(self, checkpoint_id: str) -> RunnableConfig:
        """Return how the graph names a checkpoint."""
        names = {"thread_id": self.thread_id, "checkpoint_ns": self.namespace, "checkpoint_id": checkpoint_id}
        return {"configurable": names}

    def target(self, kind: Kind) -> JsonObject:
        """Return the session as an append makes it; the conversation of the thread itself bears the thread's name."""
        if kind == "talk" and not self.namespace:
            return {
                "session_id": self.session_id(kind),
                "channel": TALK,
                "session_name": self.thread_id[:NAME_CHARACTERS],
            }
        channel = SUBGRAPHS if kind == "talk" else STEPS
        name = f"{thread_mark(self.thread_id)} {self.namespace}"[:NAME_CHARACTERS].strip()
        return {"session_id": self.session_id(kind), "channel": channel, "session_name": name}


TALK: Final = "langgraph"
SUBGRAPHS: Final = "langgraph-subgraphs"
STEPS: Final = "langgraph-steps"


def thread_mark(thread_id: str) -> str:
    """Return a name for a thread that is part of no other."""
    return hashlib.sha256(json.dumps(thread_id).encode()).hexdigest()[:40]


@dataclass(frozen=True)
class Note:
    """A message to be appended: what it says, and what it holds for the graph."""

    id: str
    held: Mapping[str, Any]
    readable: Readable = SILENT

    def holding(self, **more: object) -> "Note":
        """Return the message with more for the graph."""
        return Note(self.id, {**self.held, **more}, self.readable)

    def message(self) -> JsonObject:
        """Return the message as Parley takes it."""
        return {"id": self.id, **to_message(FRAMEWORK, self.held, self.readable)}


def held_by(message: Mapping[str, Any]) -> JsonObject:
    """Return what a message holds for the graph; nothing where it was redacted or put there by others."""
    found = native_of(FRAMEWORK, message)
    return found if isinstance(found, dict) else {}


def message_id_for(checkpoint_id: str, suffix: str = "") -> str:
    """Return the id of the message that holds a checkpoint, or of one that came with it."""
    return f"c-{hashlib.sha256(checkpoint_id.encode()).hexdigest()[:40]}{suffix}"


def runs_of(places: Sequence[tuple[str, int]]) -> list[list[Any]]:
    """Write down where the messages of a conversation are: [first seq, last seq, digest of the last one], ….

    A number below 1 counts back from the message that holds the checkpoint, which is 0: its seq is not known before.
    """
    runs: list[list[Any]] = []
    for digest, seq in places:
        if runs and runs[-1][1] + 1 == seq != 1:
            runs[-1][1:] = [seq, digest]
        else:
            runs.append([seq, seq, digest])
    return runs


def places_in(runs: Sequence[Sequence[Any]], record_seq: int) -> list[tuple[str, int]]:
    """Return the seqs that the runs are of, in order, each with the digest that is expected there; "" for any."""
    return [
        (digest if number == last else "", number if number > 0 else record_seq + number)
        for first, last, digest in runs
        for number in range(first, last + 1)
    ]


def intervals_of(seqs: Sequence[int], most: int = 200) -> list[tuple[int, int]]:
    """Return the fewest intervals of at most so many seqs that hold all of these."""
    intervals: list[tuple[int, int]] = []
    for seq in sorted(set(seqs)):
        if intervals and seq < intervals[-1][0] + most:
            intervals[-1] = (intervals[-1][0], seq)
        else:
            intervals.append((seq, seq))
    return intervals

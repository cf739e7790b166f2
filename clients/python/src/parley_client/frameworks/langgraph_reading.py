"""Reading checkpoints of a LangGraph thread."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.base import CheckpointTuple, writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from parley_client.calls import JsonObject
from parley_client.errors import ParleyError
from parley_client.exchange import Steps
from parley_client.frameworks.langchain_mapping import said
from parley_client.frameworks.langgraph_records import (
    SMALL_CHARACTERS,
    Known,
    Place,
    Thread,
    digest_of,
    held_by,
    message_id_for,
    places_in,
    unpack,
)
from parley_client.frameworks.langgraph_sessions import KINDS, Record, Sessions

Talk = tuple[list[BaseMessage], list[tuple[str, int]]]  # messages, and the digest and seq of each


class Loaded(NamedTuple):
    """A checkpoint as the graph wants it, and where its parts are."""

    found: CheckpointTuple
    known: Known


class Reader:
    """Reads checkpoints with the graph's serializer."""

    def __init__(self, serde: SerializerProtocol, messages_channel: str) -> None:
        """Hand over the messages of the conversation in this channel."""
        self._serde, self._channel = serde, messages_channel

    def get(self, thread: Thread, checkpoint_id: str | None) -> Steps[Loaded | None]:
        """Return a checkpoint, or the newest one, as Loaded; None where there is none."""
        sessions = Sessions(thread)
        yield from sessions.newest()
        if checkpoint_id is None:
            record = yield from self._newest(sessions)
        else:
            record = _of(sessions, checkpoint_id)
            if record is None:
                yield from sessions.by_id(message_id_for(checkpoint_id))
                record = _of(sessions, checkpoint_id)
        if record is None:
            return None
        return (yield from self.load(sessions, record))

    def _newest(self, sessions: Sessions) -> Steps[Record | None]:
        """Find the checkpoint with the largest id among the newest of both sessions."""
        for kind in KINDS:
            while sessions.begins[kind] and not any(record.place.kind == kind for record in sessions.records()):
                reached = max((record.steps_seq for record in sessions.records()), default=-1)
                if kind == "steps" and reached >= sessions.begins[kind] - 1:
                    break
                yield from sessions.before(kind)
        return max(sessions.records(), key=_age, default=None)

    def all(self, thread: Thread) -> Steps[Sessions]:
        """Return everything that a thread has in its two sessions."""
        sessions = Sessions(thread)
        for kind in KINDS:
            yield from sessions.back_to(kind, 0)
        return sessions

    def metadata(self, sessions: Sessions, record: Record) -> Steps[Mapping[str, Any]]:
        """Return what the graph said about a checkpoint."""
        body = yield from self._whole(sessions, record.held["record"])
        metadata: Mapping[str, Any] = self._value(body["metadata"])
        return metadata

    def load(self, sessions: Sessions, record: Record) -> Steps[Loaded]:
        """Return a checkpoint with its values and its pending writes."""
        body = yield from self._whole(sessions, record.held["record"])
        places = None if body["runs"] is None else places_in(body["runs"], record.place.seq)
        elsewhere = {name: Place(*place) for name, place in body["elsewhere"].items()}
        wanted = [*elsewhere.values(), *(Place("talk", seq) for _, seq in places or [])]
        yield from sessions.get(wanted)
        checkpoint = self._value(body["checkpoint"])
        values = {name: self._value(packed) for name, packed in body["values"].items()}
        for name, place in elsewhere.items():
            holder = yield from self._whole(sessions, held_by(sessions.held[place.kind][place.seq])["record"])
            values[name] = self._value(holder["values"][name])
        messages: list[tuple[str, int]] = []
        if places is not None:
            values[self._channel], messages = yield from self._conversation(sessions, places)
        checkpoint["channel_values"] = values
        writes = yield from self._writes(sessions, record)
        thread, about = sessions.thread, record.about
        found_tuple = CheckpointTuple(
            config=thread.config(about["id"]),
            checkpoint=checkpoint,
            metadata=self._value(body["metadata"]),
            parent_config=thread.config(about["parent"]) if about["parent"] else None,
            pending_writes=writes,
        )
        large = {name: place for name, (_, text) in body["values"].items() if len(text) > SMALL_CHARACTERS}
        versions = checkpoint["channel_versions"]
        known = Known(
            messages=messages,
            values={(name, str(versions[name])): place for name, place in {**elsewhere, **large}.items()},
            steps_seq=max([record.steps_seq, *sessions.held["steps"]]),
            place=record.place,
        )
        return Loaded(found_tuple, known)

    def _conversation(self, sessions: Sessions, places: Sequence[tuple[str, int]]) -> Steps[Talk]:
        """Return the messages at these places, and their digests."""
        messages: list[BaseMessage] = []
        digests: list[tuple[str, int]] = []
        for expected, seq in places:
            message = sessions.held["talk"][seq]
            packed = (yield from self._whole(sessions, held_by(message))).get("message")
            if packed is None:  # redacted: it keeps its place and says nothing
                messages.append(said(message).model_copy(update={"id": message["id"]}))
                dumped = self._serde.dumps_typed(messages[-1])
            else:
                dumped = unpack(packed)
                messages.append(self._serde.loads_typed(dumped))
                if expected and digest_of(dumped) != expected:
                    raise ParleyError(f"Messages of {sessions.thread.thread_id!r} are others: it cannot be resumed.")
            digests.append((digest_of(dumped), seq))
        return messages, digests

    def _writes(self, sessions: Sessions, record: Record) -> Steps[list[tuple[str, str, Any]]]:
        """Return the pending writes of a checkpoint in the order in which the graph applies them."""
        yield from sessions.back_to("steps", record.steps_seq)
        kept: dict[tuple[str, str, int], tuple[str, str, Any]] = {}
        for seq in sorted(sessions.held["steps"]):
            held = held_by(sessions.held["steps"][seq])
            if held.get("of") != record.about["id"]:
                continue
            body = yield from self._whole(sessions, held["writes"])
            task_id, task_path = body["task"]
            for number, channel, packed in body["writes"]:
                key = writes_sort_key(task_path, task_id, number)
                if number < 0 or key not in kept:
                    kept[key] = (task_id, channel, self._value(packed))
        return [kept[key] for key in sorted(kept)]

    def _whole(self, sessions: Sessions, body: JsonObject) -> Steps[JsonObject]:
        """Return a body, put together where it was stored in pieces."""
        if "pieces" not in body:
            return body
        pieces = yield from sessions.get([Place("steps", seq) for seq in body["pieces"]])
        whole: JsonObject = json.loads("".join(held_by(piece)["piece"] for piece in pieces))
        return whole

    def _value(self, packed: Sequence[str]) -> Any:  # noqa: ANN401 - a channel holds anything
        return self._serde.loads_typed(unpack(packed))


def _age(record: Record) -> tuple[str, str, int]:
    return record.about["id"], record.place.kind, record.place.seq


def _of(sessions: Sessions, checkpoint_id: str) -> Record | None:
    found_records = [record for record in sessions.records() if record.about["id"] == checkpoint_id]
    return max(found_records, key=_age, default=None)

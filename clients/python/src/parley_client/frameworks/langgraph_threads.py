"""Whole threads of LangGraph: listing their checkpoints, deleting and copying them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from langgraph.checkpoint.base import CheckpointTuple

from parley_client import calls
from parley_client.calls import JsonObject
from parley_client.errors import ParleyError
from parley_client.exchange import Steps
from parley_client.frameworks.history import batches, or_nothing
from parley_client.frameworks.langgraph_reading import Reader
from parley_client.frameworks.langgraph_records import STEPS, SUBGRAPHS, TALK, Note, Thread, held_by, thread_mark
from parley_client.frameworks.langgraph_sessions import KINDS, Record, Sessions
from parley_client.frameworks.langgraph_writing import Writer
from parley_client.frameworks.mapping import Readable


class Listing(NamedTuple):
    """Which checkpoints are wanted; None is any."""

    thread_id: str | None = None
    namespace: str | None = None
    checkpoint_id: str | None = None
    before_id: str | None = None
    metadata: Mapping[str, Any] | None = None
    limit: int | None = None

    def takes(self, record: Record) -> bool:
        """Return whether a checkpoint is wanted, by its id."""
        found_id = record.about["id"]
        return self.checkpoint_id in {None, found_id} and (self.before_id is None or found_id < self.before_id)


class Threads:
    """Reads, deletes and copies what a reader and a writer know one by one."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        """Work with these."""
        self._reader, self._writer = reader, writer

    def checkpoints(self, wanted: Listing) -> Steps[list[CheckpointTuple]]:
        """Return checkpoints, newest first; where a thread is named, all of its namespaces together."""
        tuples: list[CheckpointTuple] = []
        places: list[tuple[Sessions, Record]] = []
        for thread in (yield from self._named(wanted)):
            sessions = yield from self._reader.all(thread)
            newest = {
                record.about["id"]: record for record in sorted(sessions.records(), key=lambda one: one.place.seq)
            }
            places += [(sessions, record) for record in newest.values() if wanted.takes(record)]
        places.sort(key=lambda place: place[1].about["id"], reverse=True)
        for sessions, record in places:
            if wanted.limit is not None and len(tuples) >= wanted.limit:
                break
            said = yield from self._reader.metadata(sessions, record)
            if all(said.get(name) == value for name, value in (wanted.metadata or {}).items()):
                loaded = yield from self._reader.load(sessions, record)
                tuples.append(loaded.found)
        return tuples

    def _named(self, wanted: Listing) -> Steps[list[Thread]]:
        """Return the threads, namespace by namespace, that a listing looks into."""
        if wanted.thread_id is not None and wanted.namespace is not None:
            return [Thread(wanted.thread_id, wanted.namespace)]
        if wanted.thread_id is not None:
            return (yield from self.namespaces(wanted.thread_id))
        keys: dict[str, None] = {}
        for channel in (TALK, SUBGRAPHS, STEPS):
            keys |= dict.fromkeys((yield from self._keys(channel, None)))
        threads = []
        for key in keys:
            thread = yield from self._thread_of(key)
            threads += [thread] if thread and wanted.namespace in {None, thread.namespace} else []
        return threads

    def namespaces(self, thread_id: str) -> Steps[list[Thread]]:
        """Return the thread itself and those of its subgraphs."""
        root = Thread(thread_id)
        keys: dict[str, None] = {}
        for channel in (SUBGRAPHS, STEPS):
            keys |= dict.fromkeys((yield from self._keys(channel, thread_mark(thread_id))))
        threads = [root]
        for key in keys:
            thread = yield from self._thread_of(key)
            threads += [thread] if thread and thread != root else []
        return threads

    def _keys(self, channel: str, name: str | None) -> Steps[list[str]]:
        """Return the keys of the sessions of a channel, of those with this in their name."""
        call = calls.list_sessions({"channel": channel, "status": "all", "name": name})
        keys: list[str] = []
        while True:
            page = yield call
            keys += [session["id"].partition("-")[2] for session in page["data"]]
            if not page["has_more"]:
                return keys
            call = call.behind(page["next_cursor"])

    def _thread_of(self, key: str) -> Steps[Thread | None]:
        """Return whose sessions bear a key, as the first messages of them say."""
        for kind in KINDS:
            query = {"order": "asc", "limit": 10}
            page = yield from or_nothing(calls.list_messages(f"{kind}-{key}", query))
            for message in page["data"] if page else []:
                if of := held_by(message).get("thread"):
                    return Thread(*of)
        return None

    def delete(self, thread_id: str) -> Steps[None]:
        """Delete a thread with its subgraphs; what is not there is deleted already."""
        keys = {Thread(thread_id).key: None}
        for channel in (SUBGRAPHS, STEPS):
            keys |= dict.fromkeys((yield from self._keys(channel, thread_mark(thread_id))))
        for key in reversed(keys):  # the thread itself last: while it is there, a repeat finds all of it
            self._writer.forget(key)
            for kind in reversed(KINDS):
                yield from or_nothing(calls.delete_session(f"{kind}-{key}"))

    def copy(self, source_id: str, target_id: str) -> Steps[None]:
        """Copy a thread with its subgraphs to one that is not there yet; a copy that fails is taken away again."""
        for source in (yield from self.namespaces(source_id)):
            sessions = yield from self._reader.all(source)
            target = Thread(target_id, source.namespace)
            occupied = yield from self._reader.all(target)
            if any(occupied.held.values()):
                raise ValueError(f"there is a thread {target_id!r} already")
            try:
                yield from self._copy(sessions, target)
            except ParleyError:
                yield from self.delete(target_id)
                raise

    def _copy(self, sessions: Sessions, target: Thread) -> Steps[None]:
        for kind in reversed(KINDS):
            held = sessions.held[kind]
            if held and min(held) != 1:
                raise ValueError("the thread's first messages are gone: it cannot be copied")
            messages = [_moved(held[seq], target) for seq in sorted(held)]
            for batch in batches(messages):
                yield from self._writer.append(target, kind, batch)


def _moved(message: Mapping[str, Any], target: Thread) -> JsonObject:
    """Return a message as another thread has it."""
    held, content = held_by(message), message["content"]
    if isinstance(content, list):
        content = [part for part in content if part["type"] != "raw"]
    names = ("role", "name", "function_calls", "tool_call_id")
    readable = Readable(content=content, **{name: message[name] for name in names})
    return Note(message["id"], held | ({"thread": target} if "thread" in held else {}), readable).message()

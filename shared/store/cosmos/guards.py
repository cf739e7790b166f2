"""Every predicate and every operation of a Patch: what must hold for a write, and what it changes.

A predicate takes no parameters, so only checked ids and whole numbers are written into it. Nothing else in this
package writes one; docs/storage.md says of each write what its predicate proves. `now` is in seconds.
"""

import re
from collections.abc import Iterable

from shared.store.cosmos.head import RECENT_IDS, Head
from shared.store.cosmos.versions import Version

MAX_OPERATIONS = 10  # of one Patch: https://learn.microsoft.com/azure/cosmos-db/partial-document-update
SAFE = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
VISIBLE = "c.type = 'session' AND c.status != 'deleted'"
IS_PAGE = "c.type = 'page'"
NEVER = "c.type = 'nothing'"  # asks where writes are decided whether an item is there, and changes nothing
ACTIVE = "c.status = 'active'"  # which neither a page nor a deleted session is

Operation = dict[str, object]


# Predicates


def literal(text: str) -> str:
    """Quote an id for a predicate; raises ValueError for anything but the characters ids are made of."""
    if not SAFE.fullmatch(text):
        message = "not an id that may stand in a predicate"
        raise ValueError(message)
    return f'"{text}"'


def all_of(*predicates: str) -> str:
    """Hold while each of these does."""
    return " AND ".join(predicates)


def lease_free(holder: str, now: int) -> str:
    """Hold while that holder may take the session's lease: nobody else has it, or it is over."""
    free = f"NOT IS_DEFINED(c.lease.until) OR c.lease.until <= {now:d}"
    return f"({free} OR c.lease.holder = {literal(holder)})"


def lease_held(holder: str) -> str:
    """Hold while that holder has the session's lease, over or not."""
    return f"c.lease.holder = {literal(holder)}"


def lease_of(reply_id: str, now: int) -> str:
    """Hold while somebody makes that reply."""
    return all_of(f"c.lease.reply_id = {literal(reply_id)}", f"c.lease.until > {now:d}")


def writable(now: int) -> str:
    """Hold while the session is there and its pages need no renewal first."""
    return all_of(VISIBLE, not_due(now))


def not_due(now: int) -> str:
    """Hold while the session's pages need no renewal first."""
    return f"c.renew_at > {now:d}"


def appendable(ids: Iterable[str], cap: int, now: int) -> str:
    """Hold while messages may be appended to fewer bytes than `cap`, and none of their ids is held in the head."""
    unheld = (
        f'NOT ARRAY_CONTAINS(c.log.{part}, {{"id": {literal(message_id)}}}, true)'
        for message_id in ids
        for part in ("messages", "previous")
    )
    return all_of(ACTIVE, not_due(now), has_room(cap), *unheld)


def has_room(cap: int) -> str:
    """Hold while the head has fewer bytes of messages than that."""
    return f"c.log.bytes + c.log.previous_bytes < {cap:d}"


def not_in_recent_ids(hashes: Iterable[str]) -> str:
    """Hold while none of the ids is among the newest that are in pages."""
    return all_of(*(f"NOT ARRAY_CONTAINS(c.log.recent_ids, {literal(short)})" for short in hashes))


def duplicates_detectable(since_ms: int) -> str:
    """Hold while a message of a request received then, in milliseconds, cannot have been stored and forgotten since."""
    return f"c.log.sealed.known_from <= {since_ms:d}"


def none_forgotten_since(head: Head) -> str:
    """Hold while every message stored since `head` was read is held in the head, or among the newest ids in pages."""
    in_pages = "c.last_seq - ARRAY_LENGTH(c.log.messages) - ARRAY_LENGTH(c.log.previous)"
    return all_of(_same_epoch(head), _same_edits(head), f"{in_pages} <= {head.last_seq + RECENT_IDS:d}")


def matching(if_match: str | None) -> list[str]:
    """Hold while the session has the version that an etag names; nothing has what is no etag of ours, None is any."""
    if if_match is None:
        return []
    version = Version.named_by(if_match)
    if version is None:
        return [NEVER]
    return [
        f"c.log.epoch = {literal(version.epoch)}",
        f"c.last_seq = {version.last_seq:d}",
        f"c.log.edits = {version.edits:d}",
        f"c.updated_at = {literal(version.updated_at)}",
        f"c.status = {literal(version.status)}",
    ]


def updated_at_other_than(updated_at: str) -> str:
    """Hold while the session bears another time of change, so that a write of this one moves its version."""
    return f"c.updated_at != {literal(updated_at)}"


def without_pages() -> str:
    """Hold while no page belongs to the history."""
    return "c.log.generation <= 1"


def counts_unchanged_since(head: Head) -> str:
    """Hold while what `head` says of its pages is so still: the same pages, and no message of theirs edited."""
    return all_of(log_unchanged_since(head), _same_edits(head))


def ends_as(head: Head) -> str:
    """Hold while nothing was appended or removed since `head` was read."""
    return f"c.last_seq = {head.last_seq:d}"


def log_unchanged_since(head: Head) -> str:
    """Hold while the same pages count and live as long as when `head` was read."""
    generation, renew_at = head.generation, head.document["renew_at"]
    return all_of(
        _same_epoch(head), f"c.log.generation = {generation:d}", _same_ttl(head), f"c.renew_at = {renew_at:d}"
    )


def holds_just_what(head: Head) -> str:
    """Hold while the head holds the very messages that it held when it was read: none more, none edited or removed."""
    count = f"ARRAY_LENGTH(c.log.messages) = {len(head.messages):d}"
    return all_of(log_unchanged_since(head), _same_edits(head), count)


def renewable(head: Head) -> str:
    """Hold while the session is there and its log is as when `head` was read, due for renewal or not."""
    return all_of(VISIBLE, log_unchanged_since(head))


def epoch_unchanged_since(head: Head) -> str:
    """Hold while the session is there under the epoch that `head` has, which the write then ends for good."""
    return all_of(VISIBLE, _same_epoch(head))


def history_unchanged_since(head: Head, now: int) -> str:
    """Hold while what was copied is what is kept: appends and rotations change none of that, edits and rewinds do."""
    return all_of(writable(now), _same_epoch(head), _same_ttl(head), _same_edits(head))


def pages_unchanged_since(head: Head, now: int) -> str:
    """Hold while the same pages live as when `head` was read: those of its epoch, and of the one being built."""
    building = "IS_NULL(c.building)" if head.building is None else builds(head.building["epoch"])
    return all_of("c.type = 'session'", _same_epoch(head), building, f"(c.status = 'deleted' OR {not_due(now)})")


def settings_unchanged_since(head: Head, now: int) -> str:
    """Hold while what a session's life depends on, and its log, are as when `head` was read."""
    fields = head.document
    pinned = "true" if fields["pinned"] else "false"
    return all_of(
        writable(now),
        log_unchanged_since(head),
        f"c.status = {literal(head.status)}",
        f"c.pinned = {pinned}",
        f"c.ttl_seconds = {fields['ttl_seconds']:d}",
        _same_update(head),
    )


def nothing_pending_since(head: Head) -> str:
    """Hold while nothing was changed since `head` was read, appended messages apart, and nothing is being built."""
    return all_of(renewable(head), _same_update(head), "IS_NULL(c.building)")


def message_unchanged_since(head: Head, index: int, now: int) -> str:
    """Hold while the message at that index of `messages` is the one that it was when `head` was read."""
    same = f"c.log.messages[{index:d}].id = {literal(head.messages[index]['id'])}"
    return all_of(writable(now), log_unchanged_since(head), _same_edits(head), same)


def page_counts(head: Head, generation: int, now: int) -> str:
    """Hold while that page of the epoch that `head` has belongs to the history."""
    return all_of(writable(now), _same_epoch(head), f"c.log.generation > {generation + 1:d}")


def shares_unchanged_since(head: Head, now: int) -> str:
    """Hold while the links are those that `head` has, in their order."""
    shares = head.document["shares"]
    same = (f"c.shares[{index:d}].id = {literal(share['id'])}" for index, share in enumerate(shares))
    return all_of(writable(now), f"ARRAY_LENGTH(c.shares) = {len(shares):d}", *same)


def builds(epoch: str) -> str:
    """Hold while that epoch is being built."""
    return f"c.building.epoch = {literal(epoch)}"


def hidden_while_building(epoch: str) -> str:
    """Hold while nobody sees the session, because it is being imported under that epoch."""
    return all_of("c.status = 'deleted'", builds(epoch))


def _same_epoch(head: Head) -> str:
    return f"c.log.epoch = {literal(head.epoch)}"


def _same_edits(head: Head) -> str:
    return f"c.log.edits = {head.edits:d}"  # a rewind in place counts as an edit


def _same_ttl(head: Head) -> str:
    return f"c.ttl = {head.ttl:d}"


def _same_update(head: Head) -> str:
    return f"c.updated_at = {literal(head.document['updated_at'])}"


# Operations


def set_fields(**fields: object) -> list[Operation]:
    """Set fields of the document itself."""
    return [set_at(f"/{name}", value) for name, value in fields.items()]


def set_at(path: str, value: object) -> Operation:
    """Set what is at a path."""
    return {"op": "set", "path": path, "value": value}


def replace_at(path: str, value: object) -> Operation:
    """Put a value in the place of the one at that path, which must be there."""
    return {"op": "replace", "path": path, "value": value}


def append_to(path: str, value: object) -> Operation:
    """Add a value at the end of a list."""
    return {"op": "add", "path": f"{path}/-", "value": value}


def increment(path: str, by: int = 1) -> Operation:
    """Add to the number at a path."""
    return {"op": "incr", "path": path, "value": by}


def move(source: str, target: str) -> Operation:
    """Take what is at `source` away and put it in the place of what is at `target`."""
    return {"op": "move", "from": source, "path": target}

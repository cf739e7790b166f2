"""Patch predicates. They take no parameters, so only checked ids and whole numbers are written into them."""

import re
from collections.abc import Iterable

from shared.store.cosmos.head import HEAD_CAP_BYTES, RECENT_IDS, Head

SAFE = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
VISIBLE = "c.type = 'session' AND c.status != 'deleted'"
NEVER = "c.type = 'nothing'"  # asks where writes are decided whether an item is there, and changes nothing
ACTIVE = "c.status = 'active'"  # which neither a page nor a deleted session is


def literal(text: str) -> str:
    """Quote an id for a predicate; raises ValueError for anything but the characters ids are made of."""
    if not SAFE.fullmatch(text):
        message = "not an id that may stand in a predicate"
        raise ValueError(message)
    return f'"{text}"'


def writable(now: int) -> str:
    """Hold while the session is there and its pages need no renewal first; `now` in seconds."""
    return f"{VISIBLE} AND {_not_due(now)}"


def _not_due(now: int) -> str:
    return f"c.renew_at > {now:d}"


def same_epochs(head: Head, now: int) -> str:
    """Hold while the same pages live as when `head` was read: those of its epoch, and of the one being built."""
    building = "IS_NULL(c.building)"
    if head.building is not None:
        building = f"c.building.epoch = {literal(head.building['epoch'])}"
    return (
        f"c.type = 'session' AND c.log.epoch = {literal(head.epoch)} AND {building}"
        f" AND (c.status = 'deleted' OR {_not_due(now)})"
    )


def log_unchanged_since(head: Head) -> str:
    """Hold while the same pages count and live as long as when `head` was read."""
    return (
        f"c.log.epoch = {literal(head.epoch)} AND c.log.generation = {head.generation:d}"
        f" AND c.ttl = {head.ttl:d} AND c.renew_at = {head.document['renew_at']:d}"
    )


def has_room(size: int) -> str:
    """Hold while the head may grow by that many bytes of messages."""
    return f"c.log.bytes + c.log.previous_bytes < {HEAD_CAP_BYTES - size:d}"


def appendable(ids: Iterable[str], size: int, now: int) -> str:
    """Hold while messages of that many bytes may be appended and none of their ids is held in the head."""
    unheld = (
        f'NOT ARRAY_CONTAINS(c.log.{part}, {{"id": {literal(message_id)}}}, true)'
        for message_id in ids
        for part in ("messages", "previous")
    )
    return " AND ".join((ACTIVE, _not_due(now), has_room(size), *unheld))


def duplicates_detectable(received: int) -> str:
    """Hold while a message of a request received then, in milliseconds, cannot have been stored and forgotten since."""
    return f"c.log.sealed.known_from <= {received:d}"


def none_forgotten_since(head: Head) -> str:
    """Hold while every message stored since `head` was read is held in the head, or among the newest sealed ids."""
    sealed = "c.last_seq - ARRAY_LENGTH(c.log.messages) - ARRAY_LENGTH(c.log.previous)"
    same = (
        f"c.log.epoch = {literal(head.epoch)} AND c.log.edits = {head.edits:d}"  # a rewind in place counts as an edit
    )
    return f"{same} AND {sealed} <= {head.last_seq + RECENT_IDS:d}"


def not_in_recent_ids(hashes: Iterable[str]) -> str:
    """Hold while none of the ids is among the newest sealed ones."""
    return " AND ".join(f"NOT ARRAY_CONTAINS(c.log.recent_ids, {literal(short)})" for short in hashes)

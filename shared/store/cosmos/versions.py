"""A session's version as its owner knows it: what every change of theirs moves, and tidying up behind one does not."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

ETAG = re.compile(
    r'"([0-9a-z]{1,32})~([0-9]{1,15})~([0-9]{1,15})~'
    r'([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z)~(active|archived)"',
    re.ASCII,
)
VERSION_COLUMNS = "c.last_seq, c.updated_at, c.status, c.log.epoch, c.log.edits"  # of a query, for `of_row`


class Version(NamedTuple):
    """What tells two states of a session apart; docs/decisions/0016 says which write moves what of it."""

    epoch: str
    last_seq: int
    edits: int
    updated_at: str
    status: str

    @classmethod
    def of(cls, head: Mapping[str, Any]) -> "Version":
        """Return the version of a head document."""
        log = head["log"]
        return cls(log["epoch"], head["last_seq"], log["edits"], head["updated_at"], head["status"])

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Version":
        """Return the version of a head of which a query has read VERSION_COLUMNS."""
        return cls(*(row[name] for name in cls._fields))

    @classmethod
    def named_by(cls, etag: str) -> "Version | None":
        """Return the version that an entity tag names, None where it is none of ours: nothing else of it is used."""
        found = ETAG.fullmatch(etag)
        if found is None:
            return None
        epoch, last_seq, edits, updated_at, status = found.groups()
        return cls(epoch, int(last_seq), int(edits), updated_at, status)

    @property
    def etag(self) -> str:
        """The version as an entity tag."""
        return f'"{"~".join(str(part) for part in self)}"'

"""Every operation, killed before and after every one of its store requests: readers, writers, a repeat and the timer.

A failure is a group of errors, each with a note that says at which request the client had died.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from shared.errors import ParleyError, SessionArchivedError, SessionExistsError, SessionNotFoundError
from shared.models import KEEP, IdleSession, NewMessage, SessionChanges
from shared.store.cosmos import CosmosStore, head
from shared.store.cosmos.upkeep import BUILDING_SECONDS, _finish
from tests.builders import HOUR, a_message, a_session, again, an_owner, messages
from tests.cosmos.kills import (
    Case,
    Killed,
    Moment,
    MortalItems,
    Seen,
    Sight,
    Template,
    World,
    check_documents,
    check_lives,
    check_settled,
    check_swept,
    head_of,
)
from tests.cosmos_server.launch import CosmosServer

GENERATION_BYTES = 900
AT_ONCE = 8
LATER = HOUR // 2 + BUILDING_SECONDS  # half a ttl has passed and nobody can still be building
Templates = dict[str, Template]
Run = Callable[[World, CosmosStore, Case], Awaitable[object]]
Next = Callable[[Seen | None, Template], Seen | None]


@dataclass(frozen=True)
class Operation:
    """Something to be killed: how it starts, what it does, and what its owner sees when it is done."""

    name: str
    start: str
    run: Run
    then: Next
    age: int = 0  # seconds that pass before it
    refused: type[ParleyError] | None = None  # what a repeat of it may be told once it is done
    sweeps: bool = False  # a second call leaves no page that does not count

    def after(self, sight: Sight, template: Template) -> Sight:
        """Return what is to be seen when it is done."""
        return {
            session_id: self.then(seen, template)
            if self.name.startswith("erase") or session_id == template.session_id
            else seen
            for session_id, seen in sight.items()
        }

    def __str__(self) -> str:
        """Name it in a test's id."""
        return f"{self.name} ({self.start})".replace(" ", "-")

"""What belongs to one process: after a fork the child makes its own, and leaves what the parent made alone."""

import os
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")
Process = tuple[int, int]


class _Forks:
    """How many forks lie between this process and the first one."""

    count = 0


def this_process() -> Process:
    """Return what no other process has: its number may come again, or be the same in another namespace."""
    return os.getpid(), _Forks.count


class PerProcess(Generic[Made]):
    """One of something in each process.

    There is no lock, because one that another thread holds at a fork is never let go in the child. What a parent
    made is kept unused for the same reason: to close it, or to have it collected, could touch what the parent uses.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        """Make the first one at once, so that whoever asks for what cannot be made hears of it."""
        self._make = make
        self._made: dict[Process, Made] = {this_process(): make()}

    def here(self) -> Made:
        """Return this process's own."""
        process = this_process()
        return self._made.get(process) or self._made.setdefault(process, self._make())

    def take(self) -> Made | None:
        """Return this process's own for the last time, None if it has none; the next one asked for is another."""
        return self._made.pop(this_process(), None)


def _count_fork() -> None:
    _Forks.count += 1


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_count_fork)

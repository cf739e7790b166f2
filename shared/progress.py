"""Progress for a person at a terminal; without tqdm, or without a terminal, the work goes on in silence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


class Progress:
    """Somebody who watches the parts of the work; this one does not."""

    def begin(self, title: str, total: int | None) -> None:
        """Begin a part, of this many steps if that is known."""

    def advance(self, steps: int = 1) -> None:
        """Take note that so many steps are done."""


class Bars(Progress):
    """One bar for each part."""

    def __init__(self, bar: "type[tqdm[None]]") -> None:
        """Draw with tqdm."""
        self._make, self._bar = bar, bar(disable=True)

    def begin(self, title: str, total: int | None) -> None:
        """Finish the bar before and begin another."""
        self._bar.close()
        self._bar = self._make(desc=title, total=total, disable=None)

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        self._bar.update(steps)

    def close(self) -> None:
        """Leave the last bar as it is."""
        self._bar.close()


@contextmanager
def watched() -> Iterator[Progress]:
    """Show bars while it lasts, if there is what draws them."""
    try:
        from tqdm import tqdm  # noqa: PLC0415 - a convenience of the command line, not installed with the app
    except ImportError:
        yield Progress()
        return
    bars = Bars(tqdm)
    try:
        yield bars
    finally:
        bars.close()

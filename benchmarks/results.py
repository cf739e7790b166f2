"""What one run of the benchmarks has found."""

from dataclasses import dataclass

from benchmarks.archival import Archived
from benchmarks.chats.costs import Chats
from benchmarks.handler import Overhead
from benchmarks.imports import ImportTime, Loaded
from benchmarks.large import LargeMessage
from benchmarks.lengths import Milestone
from benchmarks.memory import Growth
from benchmarks.peers import Parley
from benchmarks.profiles import TYPICAL
from benchmarks.side_by_side import Findings
from benchmarks.streaming import Streaming
from benchmarks.turns import Turns
from benchmarks.writers import Outcome


@dataclass(frozen=True, slots=True)
class Results:
    """Everything; what a quick run leaves out is empty."""

    milestones: list[Milestone]
    writers: list[Outcome]
    large: LargeMessage
    beside: Findings
    chats: Chats
    overhead: Overhead
    imports: list[ImportTime]
    loaded: list[Loaded]
    memory: list[Growth]
    archived: list[Archived]
    turns: Turns
    streaming: Streaming

    @property
    def nothing_lost(self) -> bool:
        """Return whether Parley stored every message, once."""
        own = [race for race in self.beside.races if race.name == Parley.name]
        crowd_is_well = not any(outcome.lost or outcome.doubled or outcome.gaps for outcome in self.writers)
        return crowd_is_well and not any(race.lost or race.refused for race in own)

    def typical(self) -> list[Milestone]:
        """Return Parley's milestones for the messages that the neighbours get too."""
        return [milestone for milestone in self.milestones if milestone.profile.name == TYPICAL.name]

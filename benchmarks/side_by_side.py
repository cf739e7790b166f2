"""Parley's neighbours, in the same run but an environment of their own: what they install changes nothing for Parley.

`python -m benchmarks.side_by_side SCALE`, with the scale as JSON, prints the findings as JSON.
"""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.peers import NEIGHBOURS, costs, race
from tests.cosmos_server.launch import CosmosServer, running_server

ROOT = Path(__file__).resolve().parent.parent
OWN_PYTHON = Path(__file__).parent / ".venv" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Scale:
    """How long the sessions get, and how many writers send how many messages each."""

    lengths: tuple[int, ...]
    writers: int = race.WRITERS
    each: int = race.EACH


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, which packages it was found with, and who could not be asked and why."""

    neighbours: list[costs.Neighbour]
    races: list[race.Race]
    versions: dict[str, str]
    left_out: list[str]


def missing_reason() -> str | None:
    """Tell why not all neighbours can be measured; None when they can."""
    if OWN_PYTHON.exists():
        return None
    reasons = [reason for peer in NEIGHBOURS if (reason := peer.missing_reason())]
    return "; ".join(reasons) or None


def measure(scale: Scale) -> Findings:
    """Measure in the neighbours' environment; without it in this one, where some of them may be missing."""
    return TypeAdapter(Findings).validate_json(aside("benchmarks.side_by_side", TypeAdapter(Scale).dump_json(scale)))


def aside(module: str, scale: bytes) -> bytes:
    """Run a module with its scale in the neighbours' environment, if there is one, and return what it prints."""
    python = str(OWN_PYTHON) if OWN_PYTHON.exists() else sys.executable
    command = [python, "-m", module, scale.decode()]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603 - our own module


async def _find(server: CosmosServer, scale: Scale) -> Findings:
    return Findings(
        neighbours=await costs.measure(server, scale.lengths),
        races=await race.measure(server, writers=scale.writers, each=scale.each),
        versions={peer.name: version(peer.name) for peer in NEIGHBOURS if peer.package and not peer.missing_reason()},
        left_out=[reason for peer in NEIGHBOURS if (reason := peer.missing_reason())],
    )


if __name__ == "__main__":
    with running_server() as own:
        found = asyncio.run(_find(own, TypeAdapter(Scale).validate_json(sys.argv[1])))
    print(TypeAdapter(Findings).dump_json(found).decode())

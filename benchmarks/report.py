"""The results as a page of Markdown: counts, bytes, request units and ratios, nothing that depends on the machine."""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks import targets
from benchmarks.archival import Archived
from benchmarks.handler import Overhead
from benchmarks.lengths import PAGE, RESUMED, Milestone
from benchmarks.table import Cell, table
from benchmarks.writers import Outcome
from shared.store.cosmos import head as head_module
from shared.store.cosmos.head import HEAD_CAP_BYTES

PACKAGES = ("azure-cosmos", "azure-core", "aiohttp", "azure-functions", "pydantic")
KB = 1024


@dataclass(frozen=True, slots=True)
class Results:
    """Everything one run has found."""

    milestones: list[Milestone]
    writers: list[Outcome]
    overhead: Overhead
    archived: list[Archived]

    @property
    def nothing_lost(self) -> bool:
        """Tell whether every message was stored, once."""
        return not any(outcome.lost or outcome.doubled or outcome.gaps for outcome in self.writers)


def page(results: Results) -> str:
    """Return the page for these results."""
    sections = (
        ("Targets", _targets(results)),
        ("Appends", _appends(results.milestones)),
        ("Resumes", _resumes(results.milestones)),
        (f"Paging back through everything, {PAGE} at a time", _paging(results.milestones)),
        (f"{results.writers[0].writers} writers on one session", _writers(results.writers)),
        ("Handler", _handler(results.overhead)),
        ("Archival", _archival(results.archived)),
    )
    return "\n\n".join([_introduction(), *(f"## {title}\n{text}" for title, text in sections)]) + "\n"


def _introduction() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"""# What Parley costs on Cosmos DB

Written by `make bench` on {datetime.now(UTC):%d %B %Y}; Python {platform.python_version()}, {packages}.

Measured: requests and bytes, counted by a proxy between the real SDK and the test server (`tests/cosmos_server`).
Bytes are whole HTTP messages, headers included, unless a column says body.
Modelled: request units, from the real size of each item, on a straight line between Microsoft's published sizes
(`units.py`); a live account may charge otherwise.
What a client sends only once, when it opens and at its first read, is left out.
Means "at" a length are over the whole generations of the last appends before it.

*typical*: messages of 400 characters, ids made by the service, no context.
*heavy*: messages of 400 characters, a context of 8 KB, session and message ids of 64 characters, a user id of 128.

Rotation thresholds: a mean head of {head_module.MEAN_HEAD_BYTES / KB:g} KB, no generation under \
{head_module.LEAST_GENERATION_BYTES / KB:g} KB (why: `docs/decisions/0002-rotation-thresholds.md`)."""


def _targets(results: Results) -> str:
    rows: list[list[Cell]] = []
    for name, milestones in _by_profile(results.milestones):
        rows += _append_targets(name, milestones)
    crowd = results.writers[-1]
    largest = max(outcome.largest_head_bytes for outcome in results.writers)
    rows += [
        _row(f"{crowd.writers} writers, all sent {crowd.sends} times: lost", 0, crowd.lost),
        _row(f"{crowd.writers} writers, all sent {crowd.sends} times: doubled", 0, crowd.doubled),
        _row("bytes of the largest head beside them", HEAD_CAP_BYTES, largest),
        _row("handler over a bare SDK call, ratio of medians", targets.HANDLER_OVERHEAD, results.overhead.ratio),
        *(
            _row(
                f"bare loop over archival, {one.idle:,} idle among {one.existing:,} on {one.store}",
                1 / targets.ARCHIVAL_RATE,
                1 / one.rate,
            )
            for one in results.archived
        ),
    ]
    return f"\nThe worst of all lengths measured.\n\n{table(('target', 'at most', 'found', 'met'), rows)}"


def _append_targets(name: str, milestones: Sequence[Milestone]) -> list[list[Cell]]:
    first, last = milestones[0], milestones[-1]
    own = last.here.own_mean("request_bytes") / first.here.own_mean("request_bytes")
    rotated = last.here.mean("request_bytes") / first.here.mean("request_bytes")
    growth = f"request bytes at {last.length:,} over those at {first.length}"
    found = (
        ("requests per append, own Patch", 1.0, (one.here.own_mean("requests") for one in milestones)),
        (
            "requests per append, with rotation",
            targets.REQUESTS_PER_APPEND,
            (one.here.mean("requests") for one in milestones),
        ),
        ("units per append, own Patch", targets.UNITS_PER_APPEND, (one.here.own_mean("units") for one in milestones)),
        ("units per append, with rotation", targets.UNITS_PER_APPEND, (one.here.mean("units") for one in milestones)),
        (f"{growth}, own Patch", targets.APPEND_BYTES_GROWTH, [own]),
        (f"{growth}, with rotation", targets.APPEND_BYTES_GROWTH, [rotated]),
        *(
            (f"requests to resume, newest {limit}", 1.0, [one.resumes[limit].mean("requests") for one in milestones])
            for limit in RESUMED
        ),
    )
    return [_row(f"{name}: {target}", at_most, max(values)) for target, at_most, values in found]


def _row(target: str, at_most: float, found: float) -> list[Cell]:
    return [target, at_most, found, "yes" if found <= at_most else "no"]


def _by_profile(milestones: Iterable[Milestone]) -> list[tuple[str, list[Milestone]]]:
    found: dict[str, list[Milestone]] = {}
    for milestone in milestones:
        found.setdefault(milestone.profile.name, []).append(milestone)
    return list(found.items())


def _names(milestone: Milestone) -> list[Cell]:
    return [milestone.profile.name, milestone.length]


def _appends(milestones: Sequence[Milestone]) -> str:
    requests = table(
        (
            "profile",
            "appends so far",
            "own Patches",
            "rotations",
            "requests per append",
            "with rotation",
            "largest head",
        ),
        [
            [
                *_names(one),
                one.so_far.own.requests,
                one.so_far.rotations,
                one.so_far.own_mean("requests"),
                one.so_far.mean("requests"),
                one.so_far.largest_head_bytes,
            ]
            for one in milestones
        ],
    )
    fields = ("request_bytes", "request_body_bytes", "response_bytes", "units")
    names = ("bytes up", "body up", "bytes down", "units")
    costs = table(
        ("profile", "at", "mean head", *names, *(f"{name} with rotation" for name in names)),
        [
            [
                *_names(one),
                round(one.here.mean_head_bytes),
                *(_rounded(field, one.here.own_mean(field)) for field in fields),
                *(_rounded(field, one.here.mean(field)) for field in fields),
            ]
            for one in milestones
        ],
    )
    return f"""
From the first append to that length:

{requests}

Per append at about that length, of its own Patch and with rotation spread over all appends:

{costs}"""


def _rounded(field: str, mean: float) -> Cell:
    return mean if field == "units" else round(mean)


def _resumes(milestones: Sequence[Milestone]) -> str:
    columns = [f"{what}, newest {limit}" for limit in RESUMED for what in ("requests", "bytes down", "units")]
    rows: list[list[Cell]] = []
    for one in milestones:
        row = _names(one)
        for limit in RESUMED:
            means = one.resumes[limit]
            row += [means.mean("requests"), round(means.mean("response_bytes")), means.mean("units")]
        rows.append(row)
    return f"\nMeans of resumes after each of the last appends, so at every fill of the head.\n\n{_wide(columns, rows)}"


def _paging(milestones: Sequence[Milestone]) -> str:
    columns = ["pages", "requests per page", "bytes down per page", "units per page"]
    rows: list[list[Cell]] = [
        [
            *_names(one),
            one.paging.calls,
            one.paging.mean("requests"),
            round(one.paging.mean("response_bytes")),
            one.paging.mean("units"),
        ]
        for one in milestones
    ]
    return f"\nEvery message came back once and in order.\n\n{_wide(columns, rows)}"


def _wide(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    return table(("profile", "messages", *columns), rows)


def _writers(outcomes: Sequence[Outcome]) -> str:
    columns = (
        "each message sent",
        "stored",
        "lost",
        "doubled",
        "gaps",
        "requests per stored message",
        "Patches refused",
        "pages made already",
        "largest head, bytes",
        "units per accepted Patch",
    )
    rows = [
        [
            {1: "once", 2: "twice at once"}[one.sends],
            one.stored,
            one.lost,
            one.doubled,
            one.gaps,
            one.requests / one.stored,
            one.refused,
            one.pages_found_there,
            one.largest_head_bytes,
            one.units_per_patch,
        ]
        for one in outcomes
    ]
    return f"""
A message sent twice takes three requests at least: the append, the refused repeat, and the read that explains it.
How many rotate at the same time, and how far the head grows meanwhile, depends on how fast the store answers.

{table(columns, rows)}"""


def _handler(overhead: Overhead) -> str:
    return f"""
An append of one message through `function_app.append_messages` takes {overhead.ratio:.2f} times as long as a bare
`patch_item` with the same operations and predicate: medians of {len(overhead.handler_ms)} calls each, in turns.
The bare call is short here, because the server is on the same machine: against a service that takes longer
the same added time would weigh less."""


def _archival(runs: Sequence[Archived]) -> str:
    head = (
        "store",
        "idle",
        "existing",
        "archived",
        "requests per archived",
        "units per archived",
        "rate over a bare loop",
    )
    rows = [
        (
            run.store,
            run.idle,
            run.existing,
            run.archived,
            run.requests / run.archived,
            run.request_units / run.archived,
            run.rate,
        )
        for run in runs
    ]
    return f"""
What is archived costs, not what exists: the idle ones among none but themselves, then among all.
A bare loop sends the same writes for sessions that are listed already, as many at once.

{table(head, rows)}"""

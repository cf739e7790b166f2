"""What Parley costs at every length, beside many writers, and when it archives."""

from collections.abc import Sequence

from benchmarks.archival import Archived
from benchmarks.lengths import RESUMED, Milestone
from benchmarks.table import Cell, table
from benchmarks.writers import Outcome


def _names(milestone: Milestone) -> list[Cell]:
    return [milestone.profile.name, milestone.length]


def appends(milestones: Sequence[Milestone]) -> str:
    """Return the section about appends."""
    requests = table(
        (
            "profile",
            "appends so far",
            "own requests",
            "rotations",
            "requests per append",
            "with those behind answers",
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
        ("profile", "at", "mean head", *names, *(f"{name}, all" for name in names)),
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

Per append at about that length: of the request that carries the message, with the page that it makes where it fills
the head, and of *all* it sends, also behind its answer, spread over all appends:

{costs}"""


def _rounded(field: str, mean: float) -> Cell:
    return mean if field == "units" else round(mean)


def resumes(milestones: Sequence[Milestone]) -> str:
    """Return the section about resumes."""
    columns = [f"{what}, newest {limit}" for limit in RESUMED for what in ("requests", "bytes down", "units")]
    rows: list[list[Cell]] = []
    for one in milestones:
        row = _names(one)
        for limit in RESUMED:
            means = one.resumes[limit]
            row += [means.mean("requests"), round(means.mean("response_bytes")), means.mean("units")]
        rows.append(row)
    return f"\nMeans of resumes after each of the last appends, so at every fill of the head.\n\n{_wide(columns, rows)}"


def paging(milestones: Sequence[Milestone]) -> str:
    """Return the section about paging back."""
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


def writers(outcomes: Sequence[Outcome]) -> str:
    """Return the section about many writers."""
    columns = (
        "each message sent",
        "stored",
        "lost",
        "doubled",
        "gaps",
        "requests per stored message",
        "Patches refused",
        "batches",
        "batches refused",
        "pages made already",
        "largest head, bytes",
        "units per append",
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
            one.batches,
            one.batches_refused,
            one.pages_found_there,
            one.largest_head_bytes,
            one.units_per_append,
        ]
        for one in outcomes
    ]
    return f"""
A message sent twice takes three requests at least: the append, the refused repeat, and the read that explains it.
How many rotate at the same time, and how far the head grows meanwhile, depends on how fast the store answers.
A *batch* makes a page and empties the head; beside others it is refused, and the rotation takes two steps.
*units per append* are those of the request that was accepted, with the page that it may have made.

{table(columns, rows)}"""


def archival(runs: Sequence[Archived]) -> str:
    """Return the section about archival."""
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

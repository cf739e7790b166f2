"""What is to be reached, and whether it was: one row each, the missed ones too."""

from collections.abc import Iterable, Sequence

from benchmarks import targets
from benchmarks.large import LargeMessage
from benchmarks.lengths import RESUMED, Milestone
from benchmarks.peers import LangChain, Parley
from benchmarks.profiles import TYPICAL
from benchmarks.report import chat_targets
from benchmarks.results import Results
from benchmarks.table import Cell, bullets, cell_text, table
from shared.store.cosmos.limits import Limits

KB = 1024
Row = list[Cell]
Found = tuple[str, float, Iterable[float]]  # what is measured, its limit, and the values at all lengths
COLUMNS = ("target", "wanted", "found", "met")
WHY = (  # part of a row's name, and what keeps it from being met
    (
        "requests to resume, newest 10",
        (
            "Since decision 13 the head holds some 6 KB of the newest messages, and ten of 400 characters are more than"
            " that: a page is read after it, by a process that does not know the head yet."
        ),
    ),
    (
        "import of the app",
        "What Parley itself declares, models and routes, takes some 20 ms of processor time, and there is more of it.",
    ),
    (
        "on sqlite",
        "On SQLite both loops wait for the disk, and their ratio has been 0.90 to 1.05 from one run to the next.",
    ),
)


def section(results: Results) -> str:
    """Return the section about all targets."""
    rows: list[Row] = []
    taken_out: list[Row] = []
    for name, milestones in _by_profile(results.milestones):
        rows += _appends_and_resumes(name, milestones)
        taken_out += _without_targets(name, milestones)
    rows += [*_beside(results, "request_body_bytes"), *_crowds(results), *_process(results), *_archival(results)]
    rows.append(_after_large(results.large))
    missed = sum(row[-1] == "no" for row in rows)
    return f"""
The worst of all lengths measured; {missed} of {len(rows)} are missed.

{table(COLUMNS, rows)}
{_why(rows)}{chat_targets.section(results.chats, missed)}

Decisions 10 and 11 under `docs/decisions` took these out of the first list of targets, and say why:

{table(COLUMNS, [*taken_out, *_beside(results, "request_bytes")])}"""


def _why(rows: Sequence[Row]) -> str:
    """Return the reasons for what is missed."""
    missed = [str(row[0]) for row in rows if row[-1] == "no"]
    return bullets([why for part, why in WHY if any(part in name for name in missed)])


def _at_most(target: str, limit: float, found: float) -> Row:
    return [target, f"≤ {cell_text(limit)}", found, "yes" if found <= limit else "no"]


def _at_least(target: str, limit: float, found: float) -> Row:
    return [target, f"≥ {cell_text(limit)}", found, "yes" if found >= limit else "no"]


def _appends_and_resumes(name: str, milestones: Sequence[Milestone]) -> list[Row]:
    first, last = milestones[0], milestones[-1]
    bytes_at = f"request bytes at {last.length:,} over those at"
    found: list[Found] = [
        ("requests per append, own request", 1.0, (one.here.own_mean("requests") for one in milestones)),
        ("units per append, own request", targets.UNITS_PER_APPEND, (one.here.own_mean("units") for one in milestones)),
        (
            f"{bytes_at} {first.length:,}, own Patch",
            targets.APPEND_BYTES_GROWTH,
            [last.here.patch_mean("request_bytes") / first.here.patch_mean("request_bytes")],
        ),
        *(
            (
                f"{bytes_at} {one.length:,}, with rotation",
                targets.APPEND_BYTES_GROWTH,
                [last.here.mean("request_bytes") / one.here.mean("request_bytes")],
            )
            for one in milestones
            if one.length == targets.SEALED_LENGTH  # decision 10
        ),
    ]
    if name == TYPICAL.name:  # decision 11
        found += _rotations_and_resumes(milestones)
    return _rows(name, found)


def _without_targets(name: str, milestones: Sequence[Milestone]) -> list[Row]:
    """Return what would be missed, and cannot be met, whatever is changed."""
    first, last, most = milestones[0], milestones[-1], max(RESUMED)
    found: list[Found] = [
        (
            f"request bytes at {last.length:,} over those at {first.length:,}, with rotation",
            targets.APPEND_BYTES_GROWTH,
            [last.here.mean("request_bytes") / first.here.mean("request_bytes")],
        ),
        (f"requests to resume, newest {most}", 1.0, [one.resumes[most].mean("requests") for one in milestones]),
    ]
    if name != TYPICAL.name:
        found += _rotations_and_resumes(milestones)
    return _rows(name, found)


def _rows(name: str, found: Iterable[Found]) -> list[Row]:
    return [_at_most(f"{name}: {target}", limit, max(values)) for target, limit, values in found]


def _rotations_and_resumes(milestones: Sequence[Milestone]) -> list[Found]:
    fewest = min(RESUMED)
    resumes = [one.resumes[fewest].mean("requests") for one in milestones]
    return [
        (
            "requests per append, with rotation",
            targets.REQUESTS_PER_APPEND,
            (one.here.mean("requests") for one in milestones),
        ),
        ("units per append, with rotation", targets.UNITS_PER_APPEND, (one.here.mean("units") for one in milestones)),
        (f"requests to resume, newest {fewest}", 1.0, resumes),
    ]


def _by_profile(milestones: Iterable[Milestone]) -> list[tuple[str, list[Milestone]]]:
    found: dict[str, list[Milestone]] = {}
    for milestone in milestones:
        found.setdefault(milestone.profile.name, []).append(milestone)
    return list(found.items())


def _beside(results: Results, field: str) -> list[Row]:
    """Compare what an append sends: bodies, because the SDK's headers are the same for everybody, or all of it."""
    at = targets.NEIGHBOUR_LENGTH
    theirs = [
        cost
        for neighbour in results.beside.neighbours
        for cost in neighbour.costs
        if neighbour.name == LangChain.name and cost.length == at
    ]
    ours = [milestone.here for milestone in results.typical() if milestone.length == at]
    if not theirs or not ours:
        return []
    found = theirs[0].append.mean(field) / ours[0].mean(field)
    what = {"request_body_bytes": "bytes of bodies", "request_bytes": "bytes of whole requests"}[field]
    target = f"times fewer {what} per append at {at:,} than {LangChain.name}, with rotation"
    return [_at_least(target, targets.NEIGHBOUR_BYTES, found)]


def _crowds(results: Results) -> list[Row]:
    crowd = results.writers[-1]
    largest = max(outcome.largest_head_bytes for outcome in results.writers)
    races = [race for race in results.beside.races if race.name == Parley.name]
    return [
        _at_most(f"{races[0].writers} writers, each with its client: lost", 0, sum(race.lost for race in races)),
        _at_most(f"{crowd.writers} writers, all sent {crowd.sends} times: lost", 0, crowd.lost),
        _at_most(f"{crowd.writers} writers, all sent {crowd.sends} times: doubled", 0, crowd.doubled),
        _at_most("bytes of the largest head beside them", Limits().head_cap_bytes, largest),
    ]


def _after_large(large: LargeMessage) -> Row:
    what = f"units of an append after a message of {large.message_bytes // KB} KB over those of one without"
    return _at_most(what, targets.AFTER_LARGE, large.ratio)


def _process(results: Results) -> list[Row]:
    handler = "handler over a bare SDK call, ratio of medians"
    return [
        _at_most(handler, targets.HANDLER_OVERHEAD, results.overhead.ratio),
        *(
            _at_most(f"import of the app over its third-party modules, {one.store}", targets.IMPORT, one.ratio)
            for one in results.imports
        ),
        *(_at_most(_growth(one.resident, one.store), targets.MEMORY, one.ratio) for one in results.memory),
    ]


def _growth(resident: dict[int, int], store: str) -> str:
    first, *_, last = resident
    return f"memory after {last:,} requests over that after {first:,}, {store}"


def _archival(results: Results) -> list[Row]:
    return [
        _at_least(
            f"archival's rate over a bare loop, {one.idle:,} idle among {one.existing:,} on {one.store}",
            targets.ARCHIVAL_RATE,
            one.rate,
        )
        for one in results.archived
    ]

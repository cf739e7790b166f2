"""What chats are to cost, beside the build before and beside one document per message, by both curves."""

from collections.abc import Callable, Sequence

from benchmarks import targets
from benchmarks.before import COMMIT
from benchmarks.chats.costs import APPEND, NEWEST, TURN, ChatCost, Chats, resume
from benchmarks.peers import BuildBefore, MessageDocuments, ThisBuild
from benchmarks.profiles import REAL, TYPICAL
from benchmarks.table import Cell, bullets, cell_text, table

CURVES = {"line": "units", "measured": "measured"}
Value = Callable[[ChatCost], float]
MOST = 50
WHY = (  # part of a row's name, its curve, and what keeps it from being met
    (
        f"turn, over build {COMMIT}",
        "line",
        (
            "On the line a query costs 3.3 units before it returns anything, a point read 1: one query for several"
            " pages saves requests, and no units."
        ),
    ),
    (
        f"turn, over build {COMMIT}",
        "measured",
        (
            "Most of a turn is its append: a Patch, 13 units where the head held nothing else, and a page for every"
            " second or third pair of real messages."
        ),
    ),
    (
        f"20, over {MessageDocuments.name}",
        "line",
        "On the line a Patch costs 0.9 units for each KB of the head, a document 0.45 for each of its own.",
    ),
    (
        f"newest {MOST}, over {MessageDocuments.name}",
        "line",
        f"To resume {MOST} both send one query; Parley reads the head before it, for a unit at least.",
    ),
    (
        f"newest {MOST}, requests",
        None,
        (
            "The head knows how many messages its pages hold on average: where the newest hold fewer than the margin"
            " allows for, a resume takes a third request."
        ),
    ),
)


def section(chats: Chats, others_missed: int | None = None) -> str:
    """Return the table of targets for chats: found at each length, missed if any of them is.

    `others_missed` counts those missed of the first list of targets, where that was measured too.
    """
    rows = [*_turns(chats), *_appends(chats), *_resumes(chats), *_rest(chats)]
    if others_missed is not None:
        rows.append(_at_all_lengths("targets of the first list that are missed", 0, others_missed))
    missed = sum(row[-1] == "no" for row in rows)
    lengths = [f"at {length:,}" for length in targets.CHAT_LENGTHS]
    return f"""
Chats: {missed} of {len(rows)} are missed. Where two are compared, the number is the first over the second.

{table(("target", "curve", "wanted", *lengths, "met"), rows)}
{_why(rows)}"""


def _why(rows: Sequence[Sequence[Cell]]) -> str:
    """Return the reasons for what is missed, where there is one to be given."""
    missed = [(str(row[0]), row[1]) for row in rows if row[-1] == "no"]
    return bullets([why for part, curve, why in WHY if any(part in name and curve == by for name, by in missed)])


def _turns(chats: Chats) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    over_build = {REAL.name: targets.REAL_TURN_OVER_BUILD, TYPICAL.name: targets.TYPICAL_TURN_OVER_BUILD}
    for profile, limit in over_build.items():
        for curve, unit in CURVES.items():
            turn, singles = _turn(unit), _singles(unit)
            name = f"{profile}: two single appends and a resume of {NEWEST}, over {MessageDocuments.name}"
            rows += [
                _over(chats, (profile, f"{profile}: turn, over build {COMMIT}", curve), BuildBefore.name, turn, limit),
                _over(
                    chats,
                    (profile, f"{profile}: turn, over {MessageDocuments.name}", curve),
                    MessageDocuments.name,
                    turn,
                    targets.TURN_OVER_DOCUMENTS,
                ),
                _over(chats, (profile, name, curve), MessageDocuments.name, singles, targets.SINGLES_OVER_DOCUMENTS),
            ]
    return sorted(rows, key=lambda row: str(row[0]))


def _turn(unit: str) -> Value:
    return lambda cost: cost.means[TURN].mean(unit)


def _singles(unit: str) -> Value:
    return lambda cost: cost.two_appends_and_resume(unit)


def _appends(chats: Chats) -> list[list[Cell]]:
    return [
        row
        for profile in (REAL.name, TYPICAL.name)
        for row in (
            _own(
                chats,
                (profile, f"{profile}: requests per append"),
                lambda cost: cost.means[APPEND].mean("requests"),
                targets.CHAT_REQUESTS_PER_APPEND,
            ),
            _own(
                chats,
                (profile, f"{profile}: serial round trips an append waits for, p95"),
                lambda cost: cost.serial_p95 or 0,
                targets.SERIAL_ROUND_TRIPS,
            ),
        )
    ]


def _resumes(chats: Chats) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for profile in (REAL.name, TYPICAL.name):
        name = f"{profile}: resume of the newest {MOST}"
        rows.append(
            _own(chats, (profile, f"{name}, requests"), _resume("requests"), targets.RESUME_REQUESTS),
        )
        rows += [
            _over(
                chats,
                (profile, f"{name}, over {MessageDocuments.name}", curve),
                MessageDocuments.name,
                _resume(unit),
                targets.RESUME_OVER_DOCUMENTS,
            )
            for curve, unit in CURVES.items()
        ]
    return rows


def _resume(unit: str) -> Value:
    return lambda cost: cost.means[resume(MOST)].mean(unit)


def _rest(chats: Chats) -> list[list[Cell]]:
    return [
        _at_all_lengths(
            f"new connections after {rest.seconds:g} s of rest", targets.CONNECTIONS_AFTER_REST, rest.opened
        )
        for rest in chats.rests
        if rest.peer == ThisBuild.name
    ]


def _at_all_lengths(name: str, limit: int, found: int) -> list[Cell]:
    return _row((name, None), limit, [found] * len(targets.CHAT_LENGTHS))


def _own(chats: Chats, named: tuple[str, str], value: Value, limit: float) -> list[Cell]:
    profile, name = named
    return _row((name, None), limit, [_value(chats, (ThisBuild.name, profile, at), value) for at in _lengths()])


def _over(chats: Chats, named: tuple[str, str, str], other: str, value: Value, limit: float) -> list[Cell]:
    profile, name, curve = named
    found: list[float | None] = []
    for length in _lengths():
        ours, theirs = (_value(chats, (peer, profile, length), value) for peer in (ThisBuild.name, other))
        found.append(None if ours is None or not theirs else ours / theirs)
    return _row((name, curve), limit, found)


def _lengths() -> tuple[int, ...]:
    return targets.CHAT_LENGTHS


def _value(chats: Chats, place: tuple[str, str, int], value: Value) -> float | None:
    for cost in chats.costs:
        if (cost.peer, cost.profile, cost.length) == place and not cost.ends:
            return float(value(cost))
    return None


def _row(named: tuple[str, str | None], limit: float, found: Sequence[float | None]) -> list[Cell]:
    known = [value for value in found if value is not None]
    met = "not measured" if not known else "yes" if max(known) <= limit else "no"
    return [*named, f"≤ {cell_text(limit)}", *(_exact(value, limit) for value in found), met]


def _exact(value: float | None, limit: float) -> Cell:
    """Write a number out where two digits would make it look as if it met its limit."""
    missed_by_little = value is not None and value > limit and cell_text(float(value)) == cell_text(float(limit))
    return f"{value:.4f}" if missed_by_little else value

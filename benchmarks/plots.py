"""The plots beside the page: the same results as its tables, in `plots/`."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.chats.costs import TURN, ChatCost, Chats
from benchmarks.lengths import Means
from benchmarks.peers import Parley
from benchmarks.results import Results
from benchmarks.svg import Bars, Series, bar_chart, line_chart

MESSAGES = "messages in the session"


def write(results: Results, folder: Path) -> None:
    """Write all plots into the folder."""
    folder.mkdir(exist_ok=True)
    for name, text in plots(results).items():
        (folder / name).write_text(text, "utf-8")


def plots(results: Results) -> dict[str, str]:
    """Return the plots by file name."""
    return {
        "append-bytes.svg": line_chart(
            "What one append moves over the wire", MESSAGES, "bytes, both ways", _appends(results, _both_ways)
        ),
        "append-units.svg": line_chart(
            "What one append costs",
            MESSAGES,
            "modelled request units",
            _appends(results, lambda one: one.mean("units")),
        ),
        **{
            f"turn-{profile}.svg": line_chart(
                f"What a chat turn costs, {profile} messages",
                MESSAGES,
                "request units as measured on a live account, without index",
                _turns(results.chats, profile),
            )
            for profile in dict.fromkeys(cost.profile for cost in results.chats.costs)
        },
        "writers.svg": _writers(results),
    }


def _both_ways(means: Means) -> float:
    return means.mean("request_bytes") + means.mean("response_bytes")


def _appends(results: Results, measure: Callable[[Means], float]) -> list[Series]:
    """Return a line for each peer, Parley's first."""
    own = [(one.length, measure(Means(one.here.appends, one.here.all))) for one in results.typical()]
    return [
        Series(Parley.name, own),
        *(
            Series(
                neighbour.name,
                [(cost.length, measure(cost.append)) for cost in neighbour.costs],
                f"ends at {neighbour.ends_at:,} messages" if neighbour.ends_at else "",
            )
            for neighbour in results.beside.neighbours
        ),
    ]


def _turns(chats: Chats, profile: str) -> list[Series]:
    """Return a line for each peer, Parley's first: a resume of the newest messages and an append of a pair."""
    found: dict[str, list[ChatCost]] = {}
    for cost in chats.costs:
        if cost.profile == profile:
            found.setdefault(cost.peer, []).append(cost)
    return [
        Series(
            name,
            [(cost.length, cost.means[TURN].mean("measured")) for cost in costs if not cost.ends],
            "cannot be longer" if costs[-1].ends else "",
        )
        for name, costs in found.items()
    ]


def _writers(results: Results) -> str:
    """Draw the races on a session that was new: nobody has written it when all begin."""
    races = [race for race in results.beside.races if not race.start]
    title = f"{races[0].writers} writers on one new session, {races[0].sent} messages"
    measures = ("lost though acknowledged", "refused with an error")
    return bar_chart(title, measures, [Bars(race.name, (race.lost, race.refused)) for race in races], races[0].sent)

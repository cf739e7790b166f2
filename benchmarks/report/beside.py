"""Parley beside its neighbours: an append, a resume, and a few writers at once."""

from collections.abc import Sequence

from benchmarks.lengths import Means
from benchmarks.peers import Parley
from benchmarks.peers.costs import APPENDS, Neighbour
from benchmarks.peers.race import Race
from benchmarks.results import Results
from benchmarks.table import Cell, table

NEWEST = 50


def section(results: Results) -> str:
    """Return the section about the neighbours."""
    beside = results.beside
    left_out = "".join(f"\n{reason[0].upper()}{reason[1:]}.\n" for reason in beside.left_out)
    return f"""
The same messages of 400 characters, on the same test server, through the same proxy.
langchain-azure-cosmosdb and agent-framework-azure-cosmos are the packages themselves.
*single document* is the earlier systems' way, written here: read the session, append to its list, upsert it.
*one document per message* is the leanest form of what the Agent Framework does, written here: create the message and
count it in a header. It has no order but its clocks' and stores twice what is sent twice.
Their long sessions are put into the store by as few calls as they allow, then {APPENDS} single appends are measured.
Parley's were grown by single appends; its numbers are those of the tables below, rotation included.
LangChain's history is measured with the session loaded already; a process that has not loaded it resumes first.
{left_out}
![Bytes per append](plots/append-bytes.svg)

Per append to a session of that length:

{_appends(results)}

Per resume, of what each has to resume from:

{_resumes(results)}

![Request units per append](plots/append-units.svg)

{_races(beside.races)}

![Messages lost and refused](plots/writers.svg)"""


def _appends(results: Results) -> str:
    columns = ("", "messages", "requests", "bytes up", "body up", "bytes down", "units", "ends at")
    rows: list[list[Cell]] = [
        [Parley.name, one.length, *_cells(Means(one.here.appends, one.here.all)), None] for one in results.typical()
    ]
    for neighbour in results.beside.neighbours:
        rows += [[neighbour.name, cost.length, *_cells(cost.append), neighbour.ends_at] for cost in neighbour.costs]
        rows += [[neighbour.name, length, *[None] * 5, neighbour.ends_at] for length in _beyond(neighbour, results)]
    return table(columns, rows)


def _resumes(results: Results) -> str:
    columns = ("", "messages", "resumes from", "requests", "bytes down", "units")
    rows: list[list[Cell]] = [
        [Parley.name, one.length, Parley.resumes_from, *_down(one.resumes[NEWEST])] for one in results.typical()
    ]
    for neighbour in results.beside.neighbours:
        rows += [[neighbour.name, cost.length, neighbour.resumes_from, *_down(cost.resume)] for cost in neighbour.costs]
        rows += [
            [neighbour.name, length, neighbour.resumes_from, None, None, None] for length in _beyond(neighbour, results)
        ]
    return table(columns, rows)


def _beyond(neighbour: Neighbour, results: Results) -> list[int]:
    """Return the lengths that the neighbour's sessions cannot have."""
    reached = {cost.length for cost in neighbour.costs}
    return [one.length for one in results.typical() if one.length not in reached]


def _cells(means: Means) -> list[Cell]:
    fields = ("request_bytes", "request_body_bytes", "response_bytes")
    return [means.mean("requests"), *(round(means.mean(field)) for field in fields), means.mean("units")]


def _down(means: Means) -> list[Cell]:
    return [means.mean("requests"), round(means.mean("response_bytes")), means.mean("units")]


def _races(races: Sequence[Race]) -> str:
    columns = ("", "messages before", "sent", "refused", "stored as acknowledged", "lost", "refused with")
    rows: list[list[Cell]] = [
        [
            race.name,
            race.start,
            race.sent,
            race.refused,
            race.sent - race.refused - race.lost,
            race.lost,
            ", ".join(race.errors) or None,
        ]
        for race in races
    ]
    return f"""{races[0].writers} writers on one session, each with a client of its own and one message after the other.
Refused is what a caller was told is not stored; lost is what a caller was told is stored, and is not.

{table(columns, rows)}"""

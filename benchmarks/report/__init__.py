"""The results as a page of Markdown: counts, bytes, request units and ratios, hardly anything of the machine's."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks import streaming, turns
from benchmarks.lengths import PAGE
from benchmarks.report import beside, chats, own, process, targets
from benchmarks.results import Results
from shared.store.cosmos.limits import Limits

PACKAGES = ("azure-cosmos", "azure-core", "aiohttp", "azure-functions", "pydantic")
KB = 1024
LIMITS = Limits()


def page(results: Results) -> str:
    """Return the page for these results."""
    sections = (
        ("Targets", targets.section(results)),
        ("Beside its neighbours", beside.section(results)),
        ("Chats", chats.section(results.chats)),
        ("Appends", own.appends(results.milestones)),
        ("Resumes", own.resumes(results.milestones)),
        (f"Paging back through everything, {PAGE} at a time", own.paging(results.milestones)),
        (f"{results.writers[0].writers} writers on one session", own.writers(results.writers)),
        ("Handler", process.handler(results.overhead)),
        ("Import", process.imports(results.imports, results.loaded)),
        ("Memory", process.memory(results.memory)),
        ("Turns", turns.section(results.turns)),
        ("HTTP_STREAMING", streaming.section(results.streaming)),
        ("Archival", own.archival(results.archived)),
    )
    return "\n\n".join([_introduction(results), *(f"## {title}\n{text}" for title, text in sections)]) + "\n"


def _introduction(results: Results) -> str:
    installed = {name: version(name) for name in PACKAGES} | results.beside.versions
    packages = ", ".join(f"{name} {number}" for name, number in installed.items())
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

Rotation at {LIMITS.generation_bytes / KB:g} KB of messages (`docs/decisions/0013-one-batch-empties-the-head.md`)."""

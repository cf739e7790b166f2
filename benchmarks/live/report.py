"""What was found on an account, as a page of Markdown."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.live.engine import Work
from benchmarks.live.proofs import Proof
from benchmarks.live.samples import Sample
from benchmarks.table import Cell, table


def page(samples: Sequence[Sample], proofs: Sequence[Proof], work: Sequence[Work], throttled: int) -> str:
    """Return the page; it names no account."""
    broken = sum(not proof.holds for proof in proofs)
    return f"""# What a live account says

Written by `make measure-live` on {datetime.now(UTC):%d %B %Y}; azure-cosmos {version("azure-cosmos")}.
Charges are medians; *line* is the model of `benchmarks/units.py`, *measured* the curve of `benchmarks/curve.py`, *and \
index* that curve with 0.6 units for each index term that is put in or taken out.
Milliseconds are seen from here, the way to the account included.
{throttled} requests were throttled; they count in no row.

## What the engine takes for granted

{broken} of {len(proofs)} do not hold.

{_proofs(proofs)}

## The engine's own work

{_work(work)}

## Charges and latencies

{_samples(samples)}
"""


def _proofs(proofs: Sequence[Proof]) -> str:
    rows: list[list[Cell]] = [
        [proof.question, proof.expected, proof.found, "yes" if proof.holds else "**no**"] for proof in proofs
    ]
    return table(("question", "expected", "found", "holds"), rows)


def _work(work: Sequence[Work]) -> str:
    rows: list[list[Cell]] = [[one.what, one.calls, one.requests, one.request_units] for one in work]
    return table(("what", "calls", "requests per call", "units per call"), rows)


def _samples(samples: Sequence[Sample]) -> str:
    columns = ("request", "index", "KB", "status", "sent", "charge", "least", "most")
    models = ("line", "measured", "and index", "charge over it")
    rows: list[list[Cell]] = [
        [*_found(sample), *_modelled(sample), *(sample.slow(share) for share in (0.5, 0.99))]
        for sample in samples
        if sample.charges
    ]
    return table((*columns, *models, "p50 ms", "p99 ms"), rows)


def _found(sample: Sample) -> list[Cell]:
    size = None if sample.size_kb is None else f"{sample.size_kb:g}"
    statuses = ", ".join(str(status) for status in sorted(sample.statuses))
    charges = [sample.charge(), min(sample.charges), max(sample.charges)]
    return [sample.what, sample.policy, size, statuses, len(sample.charges), *charges]


def _modelled(sample: Sample) -> list[Cell]:
    if sample.model is None:
        return [None] * 4
    whole = sample.model.measured + sample.model.index
    return [sample.model.line, sample.model.measured, whole, sample.charge() / whole]

"""The runbook: what it names exists, and its sums are right."""

import re
from math import isclose

from shared import errors
from shared.settings import PROJECT_ROOT
from shared.usage import Usage

TEXT = (PROJECT_ROOT / "docs" / "operations.md").read_text("utf-8")
ALERTS = (PROJECT_ROOT / "infra" / "alerts.bicep").read_text("utf-8")
MAIN = (PROJECT_ROOT / "infra" / "main.parameters.json").read_text("utf-8")
MODEL = (PROJECT_ROOT / "shared" / "turns" / "model.py").read_text("utf-8")
DAYS = 30
INSTANCES = {1_000: 1, 50_000: 1, 1_000_000: 2}
PRICES = {"units": 0.25, "data": 0.25, "log": 2.30, "executions": 0.40, "GB-seconds": 0.000026}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading."""
    _, _, below = TEXT.partition(f"\n## {heading}\n")
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert table, heading
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table[0].splitlines()[2:]]


def number(cell: str) -> float:
    return float(cell.replace("$", "").replace(",", ""))


def test_the_costs_are_what_the_stated_prices_make() -> None:
    for cells in rows("What it costs a month"):
        turns, million_units, *parts, together = map(number, cells)
        requests = 2 * turns * DAYS
        seconds = min(requests, INSTANCES[int(turns)] * DAYS * 86_400)
        units = turns * DAYS * 25 / 1e6
        expected = [
            units * PRICES["units"],
            turns * 90 * 4e3 / 1e9 * PRICES["data"],
            requests * 1.5e3 / 1e9 * PRICES["log"],
            requests / 1e6 * PRICES["executions"] + seconds * 2 * PRICES["GB-seconds"],
        ]

        assert million_units == units
        assert all(isclose(told, right, abs_tol=0.006) for told, right in zip(parts, expected, strict=True)), cells
        assert isclose(together, sum(expected), abs_tol=0.02)


def test_the_prices_that_are_stated_are_those_the_sums_use() -> None:
    stated = re.findall(r"\$([0-9.]+) a (?:million|GB)", TEXT)

    assert [float(price) for price in stated] == list(PRICES.values())


def test_every_alert_is_explained_and_every_explained_one_exists() -> None:
    explained = set(re.findall(r"`(parley-[a-z-]+)`", "".join(row[0] for row in rows("Alerts"))))

    assert explained == set(re.findall(r"name: '(parley-[a-z-]+)'", ALERTS))


def test_what_is_said_of_a_model_is_what_the_log_says() -> None:
    says = re.findall(r"`([^`]+)`", "".join(row[0] for row in rows("The model")))

    fields = {"turn", "ended", "request", "code", "model_throttled"}
    for line in says:
        assert re.sub(r"(: .*| [0-9]+)$", "", line) in MODEL or hasattr(errors, line) or line in fields


def test_what_to_set_can_be_set_and_what_a_link_names_is_there() -> None:
    for name in re.findall(r"`((?:COSMOS|LOG|INSTANCE|ZONE)_[A-Z_]+)=?[^`]*`", TEXT):
        assert name in MAIN or name in {"COSMOS_KEY", "COSMOS_ENDPOINT"}, name
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings


def test_the_fields_of_lines_are_all_described() -> None:
    described = {name for row in rows("What the log says") for name in re.findall(r"`([a-z_]+)`", "".join(row))}

    assert Usage().fields().keys() <= described
    assert {"route", "status", "code", "channel", "user", "traceparent", "bytes_in", "bytes_out"} <= described

"""The tables of docs/turns.md: each row names tests that are there, and each name leads to one of them."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from shared.settings import PROJECT_ROOT

TEXT = (PROJECT_ROOT / "docs" / "turns.md").read_text("utf-8")
CODE = re.compile(r"`([^`\n]+)`")
FUNCTION = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
ROWS = [line.strip("| ") for line in TEXT.splitlines() if line.startswith("|") and "|---" not in line]
HEADERS = ("what happens ", "what the model does ")


def names() -> list[str]:
    """Return what the document has in the place of a test's name, `…` for what is left out of it."""
    return [name for name in CODE.findall(TEXT) if re.fullmatch(r"test_[\w…]+|…_\w+…?", name)]


def functions() -> Iterator[str]:
    for path in (PROJECT_ROOT / "tests").rglob("test_*.py"):
        if not {"node_modules", ".venvs"} & set(path.parts):
            yield from FUNCTION.findall(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def tests() -> Counter[str]:
    """Count the tests of each name."""
    return Counter(functions())


@pytest.mark.parametrize("name", sorted(set(names())))
def test_a_name_in_the_document_is_that_of_one_test(tests: Counter[str], name: str) -> None:
    pattern = re.compile(re.escape(name).replace("…", r"\w*"))

    found = [each for each in tests.elements() if pattern.fullmatch(each)]

    assert len(found) == 1, f"{name} may be {found}"


@pytest.mark.parametrize("row", [row for row in ROWS if not row.startswith(HEADERS)], ids=lambda row: row.split("|")[0])
def test_each_row_ends_with_its_tests(row: str) -> None:
    assert set(CODE.findall(row.rsplit("|", 1)[1])) & set(names())


def test_files_that_the_document_names_are_there() -> None:
    named = [name for name in CODE.findall(TEXT) if name.startswith("tests/")]

    assert named
    assert [name for name in named if not (PROJECT_ROOT / name).exists()] == []

"""What may be written into a predicate, which takes no parameters."""

import re
from pathlib import Path

import pytest

from shared.store.cosmos import guards
from shared.store.cosmos.guards import literal
from tests.hostile.verbs import PAYLOADS

PACKAGE = Path(guards.__file__).parent


@pytest.mark.parametrize("text", [text for text in PAYLOADS if text not in {"{victim}", ".", ".."}])
def test_nothing_but_an_id_is_written_into_a_predicate(text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        literal(text)


@pytest.mark.parametrize("text", ["{victim}", "x" * 129, "a\n", "\na", "é", "\uff11", "a b", "a~b"])
def test_nothing_that_only_looks_like_an_id_is_either(text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        literal(text)


@pytest.mark.parametrize("text", ["a", "A-1_2.3:4", "x" * 128])
def test_an_id_is_written_as_it_is(text: str) -> None:
    assert literal(text) == f'"{text}"'


def test_predicates_and_operations_are_written_on_one_page() -> None:
    others = {path.name: path.read_text() for path in PACKAGE.glob("*.py") if path.name != "guards.py"}

    written = [name for name, source in others.items() if re.search(r'"op"|\bliteral\(|where = f?"', source)]

    assert len(others) > 20
    assert written == []


def test_every_guard_against_what_was_read_before_is_explained() -> None:
    page = (PACKAGE.parents[2] / "docs" / "storage.md").read_text()
    names = [name for name in vars(guards) if name.endswith("_since")]

    unexplained = [name for name in names if f"`{name}`" not in page]

    assert len(names) > 5
    assert unexplained == []

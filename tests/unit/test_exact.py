"""What a store might write in another way is kept as text, and only that."""

import json
from typing import Any

import pytest

from shared.models.exact import as_sent, as_stored, context_as_sent, context_as_stored
from tests.builders import a_message

CHANGING = [1.0, -0.0, 1e22, {"10": 1, "b": 2}, {"b": 2, "1": 1}, [{"deep": [{"x": 2.0}]}]]
PLAIN = [1, 0.5, -1e-7, True, None, "1.0", "10", {"b": 1, "a10": [1, "2"]}]


@pytest.mark.parametrize("value", CHANGING, ids=repr)
def test_what_a_store_might_change_is_text_in_its_document_and_comes_back(value: Any) -> None:
    document = a_message(
        [{"type": "x", "value": value}], metadata={"v": value}, function_calls=[{"v": value}]
    ).document()

    assert set(document["as_text"]) == {"content", "metadata", "function_calls"}
    found = as_sent(json.loads(json.dumps(document)))
    assert json.dumps(found["metadata"]) == json.dumps({"v": value})
    assert json.dumps(found["content"]) == json.dumps([{"type": "x", "value": value}])


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_everything_else_is_stored_as_it_is(value: Any) -> None:
    document = {"content": [{"type": "x", "value": value}], "metadata": {"v": value}}

    assert as_stored(document) is document
    assert as_sent(document) is document


def test_a_confidence_is_a_number_unless_it_would_lose_its_sign() -> None:
    assert a_message(transcription_confidence=1.0).document()["transcription_confidence"] == 1.0
    document = a_message(transcription_confidence=-0.0).document()
    assert "transcription_confidence" not in document
    assert str(as_sent(document)["transcription_confidence"]) == "-0.0"


def test_a_context_is_kept_by_the_same_rule() -> None:
    assert context_as_stored({"a": 1}) == {"a": 1}
    assert context_as_sent(context_as_stored({"b": 1.0, "1": 2})) == {"b": 1.0, "1": 2}
    assert isinstance(context_as_stored({"b": 1.0}), str)

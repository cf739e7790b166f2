"""Reading JSON from files: arrays, lines and pretty-printed objects, whole, cut and broken, in bounded memory."""

import io
import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from shared.migrate import reading
from shared.migrate.extended_json import plain
from shared.migrate.files import open_text
from shared.migrate.reading import FileOrigin, JsonStream
from shared.migrate.record import Broken, Record

DOCUMENTS = [{"n": number, "text": 'a "b" {c} [d] \\ 😀\n', "inner": [{"x": number}]} for number in range(50)]
FORMS = {
    "lines": "\n".join(json.dumps(each) for each in DOCUMENTS),
    "windows lines": "\r\n".join(json.dumps(each, ensure_ascii=False) for each in DOCUMENTS) + "\r\n",
    "blank lines between": "\n\n\n".join(json.dumps(each) for each in DOCUMENTS) + "\n\n",
    "array": json.dumps(DOCUMENTS),
    "array by lines": "[" + ",\n".join(json.dumps(each) for each in DOCUMENTS) + "]\n",
    "pretty array": json.dumps(DOCUMENTS, indent=2),
    "pretty objects": "\n".join(json.dumps(each, indent="\t") for each in DOCUMENTS),
    "two arrays": json.dumps(DOCUMENTS[:20]) + "\n" + json.dumps(DOCUMENTS[20:]),
}


def read(text: str) -> list[Record | Broken]:
    return list(JsonStream(io.StringIO(text).read, None))


def values(items: list[Record | Broken]) -> list[Any]:
    return [item.value for item in items if isinstance(item, Record)]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1_000_000])
@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_form_of_a_file_gives_the_same(monkeypatch: pytest.MonkeyPatch, text: str, chunk: int) -> None:
    monkeypatch.setattr(reading, "CHUNK", chunk)

    assert values(read(text)) == DOCUMENTS
    assert not [item for item in read(text) if isinstance(item, Broken)]


@pytest.mark.parametrize("chunk", [1, 50, 1_000_000])
@pytest.mark.parametrize(
    "broken",
    ["not json", '{"n": 1', '{"n": "open', '{"n": }', "{]}", '{"n": NaN}', '{"n": 1,}', "null", "7", "[1, [2]]", "}"],
)
def test_a_broken_line_is_told_and_the_next_one_read(monkeypatch: pytest.MonkeyPatch, broken: str, chunk: int) -> None:
    monkeypatch.setattr(reading, "CHUNK", chunk)
    items = read(f'{{"a": 1}}\n\n{broken}\n{{"b": 2}}\n{broken}')

    assert values(items) == [{"a": 1}, {"b": 2}]
    assert [(item.line, item.text) for item in items if isinstance(item, Broken)] == [(3, broken), (5, broken)]


def test_in_a_pretty_array_the_next_element_of_the_same_depth_is_found() -> None:
    text = json.dumps(DOCUMENTS[:3], indent=2).replace('"n": 1,', '"n": oops,')

    items = read(text)

    assert values(items) == [DOCUMENTS[0], DOCUMENTS[2]]
    [broken] = [item for item in items if isinstance(item, Broken)]
    assert '"x": 1' in broken.text


@pytest.mark.parametrize("cut", ["[{}", "[{},", "[{}, {}\n", "[", '[{}, {"a": 1'])
def test_an_array_that_was_cut_off_is_told(cut: str) -> None:
    assert isinstance(read(cut)[-1], Broken)


@pytest.mark.parametrize("text", ["", "\n \n", "[]", " [ ] \n"])
def test_an_empty_file_has_no_records(text: str) -> None:
    assert read(text) == []


def test_any_cut_and_any_change_leaves_the_rest_readable() -> None:
    chance = random.Random(3)  # noqa: S311 - the same every time
    text = FORMS["lines"]
    for _ in range(300):
        at = chance.randrange(len(text))
        damaged = (
            text[:at] + chance.choice(['"', "{", "}", "\\", "]", ",", "", "\x00"]) + text[at + chance.randint(0, 1) :]
        )
        line = text.count("\n", 0, at)

        found = values(read(damaged))

        intact = [each for number, each in enumerate(DOCUMENTS) if number not in {line, line + 1}]
        assert [each for each in found if each in intact] == intact


def test_a_quote_left_open_in_a_long_file_does_not_take_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 1000)
    monkeypatch.setattr(reading, "MAX_RECORD", 10_000)
    monkeypatch.setattr(reading, "MAX_BROKEN_TEXT", 1000)
    file = io.StringIO('[{"a": "' + "x" * 3_000_000)
    tracemalloc.start()

    items = list(JsonStream(file.read, None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert isinstance(items[0], Broken)
    assert peak < 200_000


def test_a_broken_line_is_known_for_one_before_much_more_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 1000)
    file = io.StringIO('{"n": oops}\n' + '{"n": 1}\n' * 10_000)

    first = next(iter(JsonStream(file.read, None)))

    assert isinstance(first, Broken)
    assert file.tell() <= 2000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
async def test_files_come_in_several_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(DOCUMENTS, ensure_ascii=False), encoding=encoding)
    origin = FileOrigin(open_text(str(path)), extended_json=False)

    items = [item async for item in origin.records()]

    assert values(items) == DOCUMENTS
    await origin.close()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"$oid": "507f1f77bcf86cd799439011"}', "507f1f77bcf86cd799439011"),
        ('{"$date": "2024-01-01T10:00:00Z"}', "2024-01-01T10:00:00Z"),
        ('{"$date": {"$numberLong": "1704103200001"}}', "2024-01-01T10:00:00.001000Z"),
        ('{"$date": -1}', "1969-12-31T23:59:59.999000Z"),
        ('{"$date": {"$numberLong": "99999999999999999"}}', 99999999999999999),
        ('{"$numberInt": "5"}', 5),
        ('{"$numberLong": "-5"}', -5),
        ('{"$numberDouble": "1.5"}', 1.5),
        ('{"$numberDouble": "NaN"}', "NaN"),
        ('{"$numberDecimal": "1.10"}', "1.10"),
        ('{"$timestamp": {"t": 1704103200, "i": 1}}', "2024-01-01T10:00:00.000000Z"),
        ('{"$undefined": true}', None),
        ('{"$oid": 5}', {"$oid": 5}),
        ('{"$numberInt": "x"}', {"$numberInt": "x"}),
        ('{"$binary": {"base64": "eA==", "subType": "00"}}', {"$binary": {"base64": "eA==", "subType": "00"}}),
        ('{"$date": "x", "more": 1}', {"$date": "x", "more": 1}),
    ],
)
def test_extended_json_becomes_plain(written: str, meant: Any) -> None:
    assert json.loads(written, object_hook=plain) == meant

"""A framework's own JSON comes back equal from a message of Parley, whatever it holds."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parley_client import Parley
from parley_client.frameworks.mapping import (
    MAX_RAW_BYTES,
    Readable,
    file_part,
    function_call,
    json_text,
    native_of,
    text_part,
    thought_part,
    to_message,
)

from tests.e2e.process import ROOT

LONG = "A long text that people read, too: \n \"quoted\" and \\ 'so on' 😀."
TEXTS = st.text(max_size=8) | st.sampled_from(
    [LONG, '{"$text":0}', '"$text":1}' + LONG, LONG + "\\", "\ud83d", LONG * 2]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.just("$text"), inner, max_size=4),
    max_leaves=12,
)


def as_stored(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as Parley answers it."""
    return {"function_calls": [], "metadata": {}, "raw": None, **message}


@given(JSON, TEXTS, st.lists(TEXTS, max_size=3), TEXTS)
def test_whatever_is_said_beside_it_the_original_comes_back(
    native: Any, text: str, parts: list[str], arguments: str
) -> None:
    native = [native, {"text": text, arguments: parts}]
    calls = [function_call("c", "f", arguments)]

    for content in (text, [text_part(part) for part in parts]):
        message = to_message("ours", native, Readable("assistant", content, function_calls=calls))
        json.dumps(message, ensure_ascii=False).encode()  # half an emoji could not be sent
        back = native_of("ours", as_stored(message))
        assert json_text(back) == json_text(native)


def test_the_javascript_client_reads_what_this_one_has_written() -> None:
    natives = [{"a": [LONG, LONG + "2"], "b": LONG * 2}, {"image": "ä" * MAX_RAW_BYTES, "said": LONG}, {"$text": 0}]
    parts = [thought_part(LONG + "2"), text_part(LONG), {"type": "function_result", "result": LONG * 2}]
    readable = Readable("assistant", parts, function_calls=[function_call("c", "f", LONG * 3)])
    messages = [as_stored(to_message("ours", native, readable)) for native in natives]
    code = f"""
        import {{ nativeOf }} from {json.dumps(str(ROOT / "clients/javascript/src/native.js"))};
        let given = "";
        for await (const piece of process.stdin.setEncoding("utf8")) given += piece;
        console.log(JSON.stringify(JSON.parse(given).map((message) => nativeOf("ours", message))));
    """

    found = subprocess.run(
        [str(shutil.which("node")), "--input-type=module", "-e", code],
        input=json.dumps(messages),
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(found.stdout) == natives
    assert "$text" in messages[0]["raw"]


def test_a_long_text_is_stored_once() -> None:
    message = to_message("ours", {"a": LONG, "b": LONG}, Readable("user", LONG))

    assert message["raw"] == '{"ours":{"a":{"$text":0},"b":{"$text":0}}}'


@pytest.mark.parametrize("content", [LONG, [text_part(LONG), text_part("more")]], ids=["a text", "parts"])
def test_what_is_over_the_limit_of_raw_goes_on_in_a_part_of_the_content(parley: Parley, content: Any) -> None:
    native = {"said": LONG, "image": "ä" * MAX_RAW_BYTES}

    stored = parley.append_anywhere(to_message("ours", native, Readable("user", content)))

    assert native_of("ours", stored["messages"][0]) == native
    prompt = parley.prompt(stored["session_id"])["messages"]
    assert prompt[0]["content"][0]["text"] == LONG
    assert "ä" not in str(prompt)


def test_what_the_readable_fields_cannot_hold_is_left_out_of_them_and_stored(parley: Parley) -> None:
    calls = [function_call(str(number), "f", "x" * 3_000) for number in range(100)]
    native = {"calls": calls, "number": 2**70, "deep": json.loads("[" * 60 + "]" * 60), "half": "\ud83d", "one": -0.0}
    readable = Readable("tool", "\ud83d", name="n" * 300, function_calls=calls, tool_call_id="t" * 300)

    stored = parley.append_anywhere(to_message("ours", native, readable))["messages"][0]

    assert json_text(native_of("ours", stored)) == json_text(native)
    assert (stored["content"], stored["name"], stored["function_calls"]) == ("\ufffd", None, [])


@pytest.mark.parametrize("raw", [None, "no JSON", "[1]", '{"theirs":{}}', '{"ours":{"$text":9}}'])
def test_a_message_of_another_origin_has_no_original(raw: str | None) -> None:
    assert native_of("ours", as_stored({"role": "user", "content": "Hello", "raw": raw})) is None


def test_data_is_told_of_and_an_address_shown() -> None:
    assert file_part("data:image/png;base64," + "A" * 400_000, "image")["text"] == "[image/png, 300 kB]"
    assert file_part("https://x/y.png", "image")["image_url"] == {"url": "https://x/y.png"}
    assert file_part(None)["text"] == "[file]"

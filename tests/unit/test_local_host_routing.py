"""Route templates, constraints, precedence and path decoding."""

import pytest

from shared.local_host.errors import HostError
from shared.local_host.routing import BadPathError, Route, RouteTable, compile_template, decode_path


def _table(*templates: str, methods: frozenset[str] | None = None) -> RouteTable[str]:
    return RouteTable(Route(compile_template(text), methods, text) for text in templates)


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("chat", "/chat", {}),
        ("Chat/Sessions", "/cHAT/sESSIONS/", {}),
        ("chat/{id}", "/chat/A1", {"id": "A1"}),
        ("chat/{id}", "/chat/1/", {"id": "1"}),
        ("chat/{id?}", "/chat", {}),
        ("a/{b?}/{c?}", "/a/1/2", {"b": "1", "c": "2"}),
        ("get-{channel}-chat/{id}", "/get-scene-writer-chat/7", {"channel": "scene-writer", "id": "7"}),
        ("{file}.{ext}", "/a.b.txt", {"file": "a.b", "ext": "txt"}),
        ("files/{*path}", "/files/a/b/", {"path": "a/b/"}),
        ("files/{*path}", "/files", {}),
        ("", "/", {}),
    ],
)
def test_a_template_matches_and_gives_its_values(template: str, path: str, expected: dict[str, str]) -> None:
    assert compile_template(template).match(path) == expected


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("chat/{id}", "/chat"),
        ("chat/{id}", "/chat//"),
        ("chat/{id}", "//chat/1"),
        ("chat/{id}", "/chat/1//"),
        ("chat/{id}", "/chat/1/2"),
        ("get-{channel}-chat", "/get--chat"),
        ("a.c", "/abc"),
        ("sessions", "/\u017fessions"),
    ],
)
def test_a_template_does_not_match_what_it_does_not_describe(template: str, path: str) -> None:
    assert compile_template(template).match(path) is None


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("int", "-12", "2147483648"),
        ("int", "7", "\u0667"),
        ("long", "2147483648", "9223372036854775808"),
        ("bool", "True", "yes"),
        ("alpha", "abcXYZ", "abc1"),
        ("guid", "0f8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5b"),
        ("guid", "{0f8fad5b-d9cb-469f-a165-70867728950e}", "{0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("decimal", "1.5", "1e5"),
        ("double", "1e5", "e5"),
        ("minlength(2)", "ab", "a"),
        ("maxlength(2)", "ab", "abc"),
        ("length(2)", "ab", "abc"),
        ("length(2,3)", "abc", "abcd"),
        ("min(5)", "5", "4"),
        ("max(5)", "5", "6"),
        ("range(1,5)", "3", "x"),
        ("regex(^(a|b:c){{2}}$)", "ab:c", "a"),
        ("int:min(1)", "1", "0"),
    ],
)
def test_a_constraint_decides_and_leaves_the_value_a_string(constraint: str, good: str, bad: str) -> None:
    template = compile_template(f"x/{{value:{constraint}}}")

    assert template.match(f"/x/{good}") == {"value": good}
    assert template.match(f"/x/{bad}") is None


def test_a_constraint_on_an_optional_parameter_holds_only_when_it_is_there() -> None:
    template = compile_template("x/{value:int?}")

    assert [template.match(path) for path in ("/x", "/x/1", "/x/a")] == [{}, {"value": "1"}, None]


@pytest.mark.parametrize(
    "template",
    [
        "/a",
        "a/",
        "a//b",
        "{",
        "{a",
        "a}",
        "{}",
        "{a}/{A}",
        "{a?}/b",
        "{*a}/b",
        "x{a?}",
        "{a=1}",
        "{a:int=1}",
        "{a:nope}",
        "{a:min(x)}",
    ],
)
def test_a_template_that_cannot_be_read_is_named(template: str) -> None:
    with pytest.raises(HostError, match=r"route|segment"):
        compile_template(template)


@pytest.mark.parametrize(
    "templates",
    [
        ("chat/{id}", "chat/messages"),
        ("{*path}", "chat/{id}", "chat/get-{id}", "chat/messages"),
        ("chat/{id}", "chat/{id:alpha}"),
        ("{a}/{b}", "{a}/messages", "chat/{b}", "chat/messages"),
    ],
)
def test_the_most_literal_template_wins_whatever_the_order(templates: tuple[str, ...]) -> None:
    found = [_table(*order).find("GET", "/chat/messages") for order in (templates, templates[::-1])]

    assert [match and match[0] for match in found] == [templates[-1]] * 2


def test_a_template_with_another_method_does_not_hide_a_less_literal_one() -> None:
    special = Route(compile_template("chat/special"), frozenset({"POST"}), "special")
    table = RouteTable([special, Route(compile_template("chat/{id}"), frozenset({"GET"}), "any")])

    assert table.find("GET", "/chat/special") == ("any", {"id": "special"})
    assert table.find("PUT", "/chat/special") is None


def test_two_functions_cannot_share_a_template_and_a_method() -> None:
    with pytest.raises(HostError, match="share the route"):
        _table("chat/{id}", "CHAT/{id}", methods=frozenset({"GET"}))


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("/a%20b", "/a b"),
        ("/a%2Fb%2fc", "/a%2Fb%2fc"),
        ("/%C3%BC", "/ü"),
        ("/%FF", "/%FF"),
        ("/%zz", "/%zz"),
        ("/a/../b/./c", "/b/c"),
        ("/a/%2e%2E", "/"),
        ("/../../a", "/a"),
        ("/a//b", "/a//b"),
        ("/%0A", "/\n"),
    ],
)
def test_a_path_is_decoded_once_and_encoded_slashes_stay(raw: str, decoded: str) -> None:
    assert decode_path(raw) == decoded


@pytest.mark.parametrize("raw", ["", "*", "a", "/a%00", "/ü"])
def test_a_path_the_real_host_refuses_is_refused(raw: str) -> None:
    with pytest.raises(BadPathError):
        decode_path(raw)

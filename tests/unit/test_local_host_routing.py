"""Route templates, precedence and path decoding."""

import pytest

from shared.local_host.errors import HostError
from shared.local_host.routing import BadPathError, HostRoute, RouteTable, compile_template, decode_path


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("chat", "/chat", {}),
        ("Chat/Sessions", "/cHAT/sESSIONS/", {}),
        ("chat/{id}", "/chat/A1", {"id": "A1"}),
        ("chat/{id}", "/chat/1/", {"id": "1"}),
        ("get-{channel}-chat/{id}", "/get-scene-writer-chat/7", {"channel": "scene-writer", "id": "7"}),
        ("{file}.{ext}", "/a.b.txt", {"file": "a.b", "ext": "txt"}),
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
    "template",
    ["", "/a", "a/", "a//b", "{", "{a", "a}", "{}", "{a}/{a}", "{a?}", "{*a}", "{a=1}", "{a:int}", "{1}"],
)
def test_a_template_that_cannot_be_read_is_named(template: str) -> None:
    with pytest.raises(HostError, match=r"route|segment"):
        compile_template(template)


def test_a_method_is_part_of_what_a_request_meets() -> None:
    table = RouteTable(
        [
            HostRoute(compile_template("chat/special"), frozenset({"POST"}), "special"),
            HostRoute(compile_template("chat/{id}"), frozenset({"GET"}), "any"),
        ]
    )

    assert table.find("GET", "/chat/special") == ("any", {"id": "special"})
    assert table.find("PUT", "/chat/special") is None


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

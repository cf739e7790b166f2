"""Which route a request meets, as the Functions host decides it; pure, no I/O.

A template is literal text and `{name}`, which may stand within a segment: `get-{channel}-chat`. What else ASP.NET
reads (constraints, optional and catch-all parameters) is refused. Values are always strings. No request may fit two
routes, as the host promises no order between them: tests/http/test_routes.py holds function_app.py to it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Generic, TypeVar

from shared.http.over_aiohttp import unescape
from shared.local_host.errors import HostError

Target = TypeVar("Target")

_PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class BadPathError(Exception):
    """The path of a request is one that the real host answers with 400."""


@dataclass(frozen=True, slots=True)
class RouteTemplate:
    """A compiled template."""

    pattern: re.Pattern[str]

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route parameters of a decoded path, one trailing slash allowed; None where it does not fit."""
        found = self.pattern.fullmatch(path)
        return None if found is None else found.groupdict()


@dataclass(frozen=True, slots=True)
class HostRoute(Generic[Target]):
    """A template, the methods it answers and what it leads to."""

    template: RouteTemplate
    methods: frozenset[str]
    target: Target


class RouteTable(Generic[Target]):
    """All routes of an app."""

    def __init__(self, routes: Iterable[HostRoute[Target]]) -> None:
        """Keep the routes."""
        self._routes = list(routes)

    def find(self, method: str, path: str) -> tuple[Target, Mapping[str, str]] | None:
        """Return the target for a method and a decoded path, with its parameters; None means 404."""
        for route in self._routes:
            if method in route.methods:
                values = route.template.match(path)
                if values is not None:
                    return route.target, values
        return None


@cache
def compile_template(text: str) -> RouteTemplate:
    """Compile a template, which has no leading slash; HostError for what cannot be read."""
    segments = [_PARAMETER.split(segment) for segment in text.split("/")]  # text, name, text, name, …, text
    for segment in segments:
        if segment == [""] or any(set("{}") & set(literal) for literal in segment[::2]):
            raise HostError(f"cannot read the route {text!r}: segments are made of text and {{name}}")
    try:
        pattern = re.compile("".join(map(_expression, segments)) + "/?", re.IGNORECASE | re.ASCII | re.DOTALL)
    except re.error as exc:
        raise HostError(f"the route {text!r} names a parameter twice") from exc
    return RouteTemplate(pattern)


def decode_path(raw_path: str) -> str:
    """Return the path the real host routes: decoded once, `%2F` kept, `.` and `..` resolved.

    Raises BadPathError for NUL, for characters that may not stand in a URL, and for a target that is no path.
    """
    decoded = unescape(re.sub(r"%(2f)", r"%25\1", raw_path, flags=re.IGNORECASE))
    if not raw_path.startswith("/") or not raw_path.isascii() or "\0" in decoded:
        raise BadPathError(raw_path)
    return _resolve_dots(decoded)


def _resolve_dots(path: str) -> str:
    segments = path.split("/")
    kept: list[str] = []
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _expression(segment: list[str]) -> str:
    literals, names = map(re.escape, segment[::2]), [f"(?P<{name}>[^/]+)" for name in segment[1::2]]
    return "/" + "".join(literal + name for literal, name in zip(literals, [*names, ""], strict=True))

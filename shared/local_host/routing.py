"""Route templates as the Functions host reads them, and which one a request meets; pure, no I/O.

Templates are ASP.NET's: `chat/{id}`, `get-{channel}-chat/{id?}`, `files/{*path}`, `{id:int:min(1)}`.
Values are always strings.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import unquote_to_bytes

from shared.local_host.constraints import Constraint, parse_constraint
from shared.local_host.errors import HostError

Target = TypeVar("Target")

# ASP.NET's precedence of one segment; the smaller digit is tried first.
_LITERAL, _CONSTRAINED, _PLAIN, _CONSTRAINED_CATCH_ALL, _CATCH_ALL = 1, 2, 3, 4, 5

_PART: Final = re.compile(r"\{((?:[^{}]|\{\{|\}\})+)\}|([^{}]+)")
_COLON_OUTSIDE_PARENTHESES: Final = re.compile(r":(?![^(]*\))")


class BadPathError(Exception):
    """The path of a request is one that the real host answers with 400."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `{…}` of a template."""

    name: str
    constraints: tuple[Constraint, ...]
    optional: bool
    catch_all: bool

    def accepts(self, value: str) -> bool:
        """Say whether every constraint holds for `value`."""
        return all(holds(value) for holds in self.constraints)

    @property
    def may_be_absent(self) -> bool:
        """Whether a path may end before this parameter."""
        return self.optional or self.catch_all

    @property
    def rank(self) -> int:
        """The precedence of a segment that is this parameter alone."""
        if self.catch_all:
            return _CONSTRAINED_CATCH_ALL if self.constraints else _CATCH_ALL
        return _CONSTRAINED if self.constraints else _PLAIN


Segment = list[str | Parameter]


@dataclass(frozen=True, slots=True)
class RouteTemplate:
    """A compiled template: `rank` sorts the more literal one first."""

    text: str
    rank: tuple[int, ...]
    pattern: re.Pattern[str]
    parameters: tuple[Parameter, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route parameters of a decoded path, or None where the template does not fit.

        An optional parameter that is absent has no entry. One trailing slash is tolerated;
        a catch-all keeps it.
        """
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        pairs = [(known, value) for known, value in zip(self.parameters, found.groups(), strict=True) if value]
        if not all(parameter.accepts(value) for parameter, value in pairs):
            return None
        return {parameter.name: value for parameter, value in pairs}


@dataclass(frozen=True, slots=True)
class Route(Generic[Target]):
    """A template, the methods it answers (None: all of them) and what it leads to."""

    template: RouteTemplate
    methods: frozenset[str] | None
    target: Target


class RouteTable(Generic[Target]):
    """All routes of an app, in the order in which they are tried."""

    def __init__(self, routes: Iterable[Route[Target]]) -> None:
        """Sort by precedence, then by declaration; HostError for one template twice with a method in common."""
        self._routes = sorted(routes, key=lambda route: route.template.rank)
        for position, route in enumerate(self._routes):
            _refuse_conflicts(route, self._routes[:position])

    def find(self, method: str, path: str) -> tuple[Target, Mapping[str, str]] | None:
        """Return the first target for a method and a decoded path, with its parameters; None means 404."""
        for route in self._routes:
            if route.methods is None or method in route.methods:
                values = route.template.match(path)
                if values is not None:
                    return route.target, values
        return None


def compile_template(text: str) -> RouteTemplate:
    """Compile a template, which has no leading slash; an empty one is the root. HostError for what cannot be read."""
    segments = [_parse_segment(segment, text) for segment in text.split("/")] if text else []
    parameters = tuple(part for segment in segments for part in segment if isinstance(part, Parameter))
    _refuse_odd_parameters(segments, parameters, text)
    return RouteTemplate(
        text=text,
        rank=tuple(map(_rank, segments)),
        pattern=re.compile(_expression(segments) + "/?", re.IGNORECASE | re.ASCII | re.DOTALL),
        parameters=parameters,
    )


def unescape(text: str) -> str:
    """Percent-decode as .NET does: bytes that are not UTF-8 stay encoded."""
    decoded = unquote_to_bytes(text).decode("utf-8", "surrogateescape")
    return re.sub(r"[\udc80-\udcff]", lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", decoded)


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


def _parse_segment(segment: str, template: str) -> Segment:
    parts: Segment = []
    position = 0
    while found := _PART.match(segment, position):
        parts.append(_parse_parameter(found[1]) if found[1] else found[2])
        position = found.end()
    if not parts or position < len(segment):
        raise HostError(f"cannot read the segment {segment!r} of the route {template!r}")
    return parts


def _parse_parameter(declaration: str) -> Parameter:
    head, *constraints = _COLON_OUTSIDE_PARENTHESES.split(declaration.removesuffix("?"))
    name = head.lstrip("*")
    if not re.fullmatch(r"[A-Za-z_][\w-]*", name):
        raise HostError(f"cannot read the route parameter {{{declaration}}} (default values are not supported)")
    return Parameter(
        name=name,
        constraints=tuple(map(parse_constraint, constraints)),
        optional=declaration.endswith("?"),
        catch_all=head.startswith("*"),
    )


def _refuse_odd_parameters(segments: list[Segment], parameters: tuple[Parameter, ...], text: str) -> None:
    names = [parameter.name.lower() for parameter in parameters]
    if len(set(names)) < len(names):
        raise HostError(f"the route {text!r} names a parameter twice")
    open_ended = [any(isinstance(part, Parameter) and part.may_be_absent for part in segment) for segment in segments]
    if open_ended != sorted(open_ended) or any(part.catch_all for part in parameters[:-1]):
        raise HostError(f"the route {text!r} has something after an optional or catch-all parameter")
    if any(is_open and len(segment) > 1 for is_open, segment in zip(open_ended, segments, strict=True)):
        raise HostError(f"the route {text!r} mixes text with an optional or catch-all parameter in one segment")


def _rank(segment: Segment) -> int:
    part = segment[0]
    if len(segment) > 1:
        return _CONSTRAINED
    return part.rank if isinstance(part, Parameter) else _LITERAL


def _expression(segments: list[Segment]) -> str:
    """Nest what is optional, so that `a/{b?}/{c?}` takes b without c but not c without b."""
    if not segments:
        return ""
    first, rest = segments[0], _expression(segments[1:])
    part = first[0]
    if isinstance(part, Parameter) and part.catch_all:
        return "(?:/(.*))?"
    inner = "/" + "".join("([^/]+)" if isinstance(piece, Parameter) else re.escape(piece) for piece in first) + rest
    return f"(?:{inner})?" if isinstance(part, Parameter) and part.optional else inner


def _refuse_conflicts(route: Route[Target], others: list[Route[Target]]) -> None:
    for other in others:
        same_text = route.template.text.lower() == other.template.text.lower()
        if same_text and (route.methods is None or other.methods is None or route.methods & other.methods):
            raise HostError(f"two functions share the route {route.template.text!r} and a method")

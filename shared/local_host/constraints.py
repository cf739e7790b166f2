"""Constraints of route parameters: they decide whether a value matches, they never convert it.

The names are ASP.NET's, which is what the Functions host uses. `datetime` is left out: its parser has no Python twin.
"""

import re
from collections.abc import Callable
from typing import Final

from shared.local_host.errors import HostError

Constraint = Callable[[str], bool]

_HEX_GROUPS: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def parse_constraint(text: str) -> Constraint:
    """Return the predicate that `text`, such as `int` or `range(1,9)`, stands for.

    Raises HostError for a name or an argument the local host does not know.
    """
    parts = re.fullmatch(r"(\w+)(?:\((.*)\))?", text, re.DOTALL)
    if parts is None:
        raise HostError(f"cannot read the route constraint {text!r} (default values are not supported)")
    name, argument = parts[1].lower(), parts[2]
    try:
        if argument is None:
            return _PLAIN[name]
        return _WITH_ARGUMENT[name](argument)
    except (KeyError, ValueError, TypeError, re.error) as exc:
        raise HostError(f"the route constraint {text!r} is unknown to the local host") from exc


def _like(pattern: str) -> Constraint:
    compiled = re.compile(pattern, re.IGNORECASE | re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


def _integer(bits: int) -> Constraint:
    bound = 2 ** (bits - 1)
    is_number = _like(r"[+-]?\d{1,20}")
    return lambda value: is_number(value) and -bound <= int(value) < bound


def _length(argument: str) -> Constraint:
    shortest, longest = _one_or_two_numbers(argument)
    return lambda value: shortest <= len(value) <= longest


def _min_length(argument: str) -> Constraint:
    shortest = int(argument)
    return lambda value: len(value) >= shortest


def _max_length(argument: str) -> Constraint:
    longest = int(argument)
    return lambda value: len(value) <= longest


def _minimum(argument: str) -> Constraint:
    smallest = int(argument)
    return lambda value: _is_long(value) and int(value) >= smallest


def _maximum(argument: str) -> Constraint:
    largest = int(argument)
    return lambda value: _is_long(value) and int(value) <= largest


def _range(argument: str) -> Constraint:
    smallest, largest = map(int, argument.split(","))
    return lambda value: _is_long(value) and smallest <= int(value) <= largest


def _regex(argument: str) -> Constraint:
    compiled = re.compile(argument.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
    return lambda value: compiled.search(value) is not None


def _one_or_two_numbers(argument: str) -> tuple[int, int]:
    numbers = [int(number) for number in argument.split(",")]
    return numbers[0], numbers[-1]


_is_long: Final = _integer(64)

_PLAIN: Final[dict[str, Constraint]] = {
    "int": _integer(32),
    "long": _is_long,
    "bool": _like("true|false"),
    "alpha": _like("[a-z]*"),
    "guid": _like(rf"{_HEX_GROUPS}|[0-9a-f]{{32}}|\{{{_HEX_GROUPS}\}}|\({_HEX_GROUPS}\)"),
    "decimal": _like(r"[+-]?(?:\d+\.?\d*|\.\d+)"),
    "double": _like(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"),
    "float": _like(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"),
    "required": bool,
}

_WITH_ARGUMENT: Final[dict[str, Callable[[str], Constraint]]] = {
    "minlength": _min_length,
    "maxlength": _max_length,
    "length": _length,
    "min": _minimum,
    "max": _maximum,
    "range": _range,
    "regex": _regex,
}

"""Query parameters, read from the URL itself: the host joins repeated ones and drops empty ones."""

import re
from typing import TypeVar
from urllib.parse import parse_qsl

from shared.http.problems import BadRequestError
from shared.models import ROLE_ALIASES, ROLES, Role

MAX_FIELDS = 100
EVERYWHERE = frozenset({"user_id", "code", "clientId"})  # the owner, and how a function key is sent in a URL
WHOLE_NUMBER = re.compile(r"[0-9]{1,16}")  # as many digits as 2^53 has
Choice = TypeVar("Choice", bound=str)


class Query:
    """The query of one request; an empty value counts as absent."""

    def __init__(self, url: str) -> None:
        """Read the query of this URL; raises BadRequestError when it cannot be decoded."""
        try:
            query = url.partition("#")[0].partition("?")[2]
            pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
        except ValueError as error:
            message = "The query cannot be decoded."
            raise BadRequestError(message) from error
        self._names = {name for name, _ in pairs}
        self._pairs = [(name, value) for name, value in pairs if value]

    def require_known(self, names: frozenset[str]) -> None:
        """Raise BadRequestError unless every parameter is one of these, or one that is known everywhere."""
        if self._names <= names | EVERYWHERE:
            return
        known = ", ".join(sorted(names | {"user_id"}))
        message = f"The query has a parameter that is not known here; known are: {known}."
        raise BadRequestError(message)

    def __contains__(self, name: str) -> bool:
        """Tell whether a parameter is there, with a value or without."""
        return name in self._names

    def all(self, name: str) -> list[str]:
        """Return every value of a repeatable parameter."""
        return [value for key, value in self._pairs if key == name]

    def one(self, name: str) -> str | None:
        """Return the value of a parameter that may be given once."""
        values = self.all(name)
        if len(values) > 1:
            message = f"{name} is given more than once."
            raise BadRequestError(message)
        return values[0] if values else None

    def text(self, name: str, at_most: int) -> str | None:
        """Return a text of bounded length, in characters."""
        value = self.one(name)
        if value is not None and len(value) > at_most:
            message = f"{name} must have at most {at_most} characters."
            raise BadRequestError(message)
        return value

    def number(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number within bounds."""
        value = self.one(name)
        if value is None:
            return None
        if WHOLE_NUMBER.fullmatch(value) and low <= int(value) <= high:
            return int(value)
        message = f"{name} must be a whole number from {low} to {high}."
        raise BadRequestError(message)

    def choice(self, name: str, allowed: tuple[Choice, ...]) -> Choice | None:
        """Return one of the values allowed."""
        value = self.one(name)
        if value is None:
            return None
        for choice in allowed:
            if value == choice:
                return choice
        message = f"{name} must be one of {', '.join(allowed)}."
        raise BadRequestError(message)

    def role(self) -> Role | None:
        """Return the role that is asked for, under any of its names."""
        role = self.choice("role", (*ROLES, *ROLE_ALIASES))
        return None if role is None else ROLE_ALIASES.get(role) or next(known for known in ROLES if known == role)

    def matching(self, name: str, pattern: re.Pattern[str]) -> str | None:
        """Return a text that matches a pattern."""
        value = self.one(name)
        if value is not None and not pattern.fullmatch(value):
            message = f"{name} must match {pattern.pattern}."
            raise BadRequestError(message)
        return value

    def flag(self, name: str) -> bool | None:
        """Return true or false."""
        value = self.choice(name, ("true", "false"))
        return None if value is None else value == "true"

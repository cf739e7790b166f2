"""Query parameters, read from the URL itself: the host joins repeated ones and drops empty ones."""

import re
from functools import cache
from typing import Annotated, Any, TypeVar, get_origin
from urllib.parse import parse_qsl

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from shared.http.problems import BadRequestError, sentences
from shared.models import Model

MAX_FIELDS = 100
EVERYWHERE = frozenset({"user_id", "code", "clientId"})  # the owner, and how a function key is sent in a URL
DIGITS = re.compile(r"[0-9]{1,16}")  # as many as 2^53 has
TRUTHS = {"true": True, "false": False}


class QueryModel(Model):
    """The query parameters of a route, one for each field; a list's may be repeated."""


Parameters = TypeVar("Parameters", bound=QueryModel)


def _whole_number(value: object) -> object:
    if isinstance(value, str) and not DIGITS.fullmatch(value):
        kind, message = "whole_number", "must be a whole number"
        raise PydanticCustomError(kind, message)
    return value


def _truth(value: object) -> object:
    if isinstance(value, str) and value not in TRUTHS:
        kind, message = "truth", "must be true or false"
        raise PydanticCustomError(kind, message)
    return TRUTHS[value] if isinstance(value, str) else value


WHOLE_NUMBER = BeforeValidator(_whole_number)
Flag = Annotated[bool, BeforeValidator(_truth)]
Cursor = Annotated[str | None, Field(description="Where to go on: `next_cursor` of the page before.")]


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

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter."""
        return [value for key, value in self._pairs if key == name]

    def read(self, model: type[Parameters], *, strict: bool) -> Parameters:
        """Return the parameters as a model; raises BadRequestError with all that is wrong with them.

        If `strict`, one that the model does not know, or that has no value, is wrong, too: misspelt or forgotten it
        could have meant to spare something.
        """
        if strict:
            self._require_known(model)
        repeatable = _repeatable(model)
        given: dict[str, Any] = {}
        for name, value in self._pairs:
            if name in repeatable:
                given.setdefault(name, []).append(value)
            elif name in given:
                message = f"{name} is given more than once."
                raise BadRequestError(message)
            elif name in model.model_fields:
                given[name] = value
        try:
            return model.model_validate(given)
        except ValidationError as error:
            raise BadRequestError(sentences(error)) from error

    def _require_known(self, model: type[QueryModel]) -> None:
        known = model.model_fields.keys()
        if not self._names <= known | EVERYWHERE:
            names = ", ".join(sorted(known | {"user_id"}))
            message = f"The query has a parameter that is not known here; known are: {names}."
            raise BadRequestError(message)
        if empty := self._names & known - {name for name, _ in self._pairs}:
            message = f"{min(empty)} is empty; leave it out, or give it a value."
            raise BadRequestError(message)


@cache
def _repeatable(model: type[QueryModel]) -> frozenset[str]:
    """Return the parameters that may be given more than once."""
    return frozenset(name for name, each in model.model_fields.items() if get_origin(each.annotation) is list)

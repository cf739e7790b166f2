"""One request being answered: who asks, for what, and with which tools."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TypeVar
from urllib.parse import urlsplit

import azure.functions as func
from pydantic import BaseModel

from shared.errors import MessageNotFoundError, SessionNotFoundError
from shared.http.body import is_blank, parse_body
from shared.http.problems import BadRequestError
from shared.http.query import Query
from shared.idempotency import IdempotencyKey
from shared.identity import signed_in_owner, trusted_owner
from shared.models import MESSAGE_ID, SESSION_ID, JsonObject, Nothing
from shared.service import ChatService

Input = TypeVar("Input", bound=BaseModel)
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
STRICT_METHODS = {"PUT", "PATCH", "DELETE"}  # there a misspelt parameter is refused: it could mean to spare something
BODY_METHODS = {"POST", "PUT", "PATCH", "DELETE"}  # a DELETE may name its owner there, and nothing else


class Call:
    """A request, read lazily: each part is checked when it is first asked for."""

    def __init__(
        self, request: func.HttpRequest, chat: ChatService, query_parameters: frozenset[str] = frozenset()
    ) -> None:
        """Wrap the host's request; of PUT, PATCH and DELETE only these query parameters and the owner's are taken."""
        self._request = request
        self._query_parameters = query_parameters
        self.chat = chat

    @cached_property
    def query(self) -> Query:
        """The query parameters; raises BadRequestError for one that must not be there."""
        query = Query(self._request.url)
        if self._request.method in STRICT_METHODS:
            query.require_known(self._query_parameters)
        return query

    @cached_property
    def owner(self) -> str:
        """The user this request speaks for."""
        return self.owner_among(self.named_owners)

    @property
    def named_owners(self) -> Iterator[object]:
        """Whom header, query and body name, each looked at when it is reached; None and the empty text name nobody."""
        yield self._request.headers.get("x-user-id")
        yield from self.query.all("user_id")
        yield self._body.get("user_id")

    def owner_among(self, named: Iterable[object]) -> str:
        """Return the user this request speaks for if it names these; strangers are refused before these are reached."""
        settings = self.chat.settings
        if settings.user_identity == "easyauth":
            return signed_in_owner(self._request.headers, named, enabled=settings.easyauth_enabled)
        return trusted_owner(named)

    @cached_property
    def session_id(self) -> str:
        """The session the path names; one that no session can have does not exist."""
        value = self.route("session_id")
        if not SESSION_ID.fullmatch(value):
            raise SessionNotFoundError
        return value

    @property
    def path(self) -> str:
        """The path as it was sent."""
        return urlsplit(str(self._request.url)).path

    def route(self, name: str) -> str:
        """Return a parameter of the path, as it was sent."""
        return str(self._request.route_params.get(name, ""))

    @cached_property
    def message_id(self) -> str:
        """The message the path names; one that no message can have does not exist."""
        value = self.route("message_id")
        if not MESSAGE_ID.fullmatch(value):
            raise MessageNotFoundError
        return value

    @cached_property
    def _body(self) -> JsonObject:
        if self._request.method not in BODY_METHODS:
            return {}
        body = parse_body(self._request.get_body(), self.header("content-type"))
        if self._request.method == "DELETE":
            Nothing.model_validate(_but_owner(body))
        return body

    @property
    def body(self) -> JsonObject:
        """The fields of the body, but for the owner's name."""
        return _but_owner(self._body)

    def required_body(self) -> JsonObject:
        """Return the fields of a body that must not be empty."""
        fields = self.body
        if is_blank(self._request.get_body()):
            message = "A JSON body is required."
            raise BadRequestError(message)
        return fields

    def idempotency_key(self, route: str) -> IdempotencyKey | None:
        """Return the key the client has given this request to a route, if any."""
        key = self.header("idempotency-key")
        if key is None:
            return None
        if not IDEMPOTENCY_KEY.fullmatch(key):
            message = "Idempotency-Key must have 1 to 128 visible ASCII characters."
            raise BadRequestError(message)
        return IdempotencyKey(self.owner, route, key)

    def header(self, name: str) -> str | None:
        """Return a header's value, None when it is missing or empty."""
        return self._request.headers.get(name) or None


def _but_owner(body: JsonObject) -> JsonObject:
    return {name: value for name, value in body.items() if name != "user_id"}

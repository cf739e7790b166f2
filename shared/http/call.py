"""One request being answered: who asks, for what, and with which tools."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import azure.functions as func
from pydantic import BaseModel, ValidationError

from shared.errors import PreconditionFailedError, SessionNotFoundError
from shared.http.body import is_blank, parse_body
from shared.http.etags import chosen
from shared.http.problems import BadRequestError
from shared.http.query import Query
from shared.idempotency import IdempotencyKey
from shared.identity import signed_in_owner, trusted_owner
from shared.models import JsonObject
from shared.service import ChatService
from shared.store.port import SessionStore

Body = TypeVar("Body")
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
STRICT_METHODS = {"PUT", "PATCH", "DELETE"}  # there a misspelt parameter is refused: it could mean to spare something
BODY_METHODS = {"POST", "PUT", "PATCH", "DELETE"}  # a DELETE may name its owner there, and nothing else


class Call:
    """A request: `owner` and `path` are set at the boundary, the rest is read when it is first asked for."""

    def __init__(self, request: func.HttpRequest, chat: ChatService) -> None:
        """Wrap the host's request."""
        self._request = request
        self.request_id = ""  # its name in logs and answers, set at the boundary
        self.chat = chat
        self.owner = ""  # the user this request speaks for; nobody on routes that are open to anybody
        self.channel: str | None = None  # that the body names
        self.path: Mapping[str, str] = {}  # the parameters of the path, as they were understood

    @property
    def request(self) -> func.HttpRequest:
        """The host's request, for whoever has to know which host made it."""
        return self._request

    @property
    def store(self) -> SessionStore:
        """The store behind the service."""
        return self.chat.store

    @property
    def session_id(self) -> str:
        """The session the path names."""
        return self.path["session_id"]

    @property
    def message_id(self) -> str:
        """The message the path names."""
        return self.path["message_id"]

    @property
    def method(self) -> str:
        """The method, in capitals."""
        return str(self._request.method)

    @property
    def route_parameters(self) -> Mapping[str, str]:
        """The parameters of the path, as they were sent."""
        found: Mapping[str, str] = self._request.route_params
        return found

    @property
    def url_path(self) -> str:
        """The path as it was sent."""
        return urlsplit(str(self._request.url)).path

    @cached_property
    def query(self) -> Query:
        """The query parameters."""
        return Query(self._request.url)

    def named_owner(self) -> str:
        """Return the user this request speaks for, whom it or the platform has to name."""
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
    def _body(self) -> JsonObject:
        if self.method not in BODY_METHODS:
            return {}
        return parse_body(self._request.get_body(), self.header("content-type"))

    def body(self, model: type[BaseModel], *others: type[BaseModel]) -> BaseModel:
        """Return the body, but for the owner's name, as a model: one of the others if it has what only that one needs.

        Raises BadRequestError where there is no body and the model needs one, else ValidationError.
        """
        fields = {name: value for name, value in self._body.items() if name != "user_id"}
        given = {name for name, value in fields.items() if value is not None}
        meant = next((each for each in others if given & _needed(each)), model)
        if others and len(given) < len(fields):  # null in a field of another model means absent, too
            foreign = {name for each in (model, *others) for name in each.model_fields} - meant.model_fields.keys()
            fields = {name: value for name, value in fields.items() if name in given or name not in foreign}
        try:
            return meant.model_validate(fields)
        except ValidationError as error:
            if is_blank(self._request.get_body()):
                message = "A JSON body is required."
                raise BadRequestError(message) from error
            raise

    def idempotency_key(self, route: str) -> IdempotencyKey | None:
        """Return the key the client has given this request to a route, if any."""
        key = self.header("idempotency-key")
        if key is None:
            return None
        if not IDEMPOTENCY_KEY.fullmatch(key):
            message = "Idempotency-Key must have 1 to 128 visible ASCII characters."
            raise BadRequestError(message)
        return IdempotencyKey(self.owner, route, key)

    async def if_match(self, session_id: str | None) -> str | None:
        """Return the version of a session that the caller wants to write to, None for any.

        Raises PreconditionFailedError where it is none of several, SessionNotFoundError where those could be of none.
        """
        wanted = chosen(self.header("if-match"))
        if len(wanted) > 1 and session_id is not None:  # the store compares with one: find out which could hold
            current = (await self.store.get(self.owner, session_id)).etag
            if current not in wanted:
                raise PreconditionFailedError
            return current
        return wanted[0] if wanted else None

    async def if_match_of_any(self, session_id: str | None) -> str | None:
        """Return the same where the session may have to be made: one that is not there is no version, nor any."""
        try:
            if (self.header("if-match") or "").strip() == "*":
                if session_id is None:
                    raise PreconditionFailedError
                await self.store.get(self.owner, session_id)
            return await self.if_match(session_id)
        except SessionNotFoundError as error:
            raise PreconditionFailedError from error

    def header(self, name: str) -> str | None:
        """Return a header's value, None when it is missing or empty."""
        return self._request.headers.get(name) or None


@dataclass(frozen=True, slots=True)
class Answer(Generic[Body]):
    """What a handler answers: JSON or models, bytes as they are, or None for no body; a status and headers."""

    body: Body | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@cache
def _needed(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields without which a model cannot be."""
    return frozenset(name for name, each in model.model_fields.items() if each.is_required())

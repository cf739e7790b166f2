"""Problem documents (RFC 9457): one table from errors to status, code and title."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple, NotRequired

from pydantic import Field, ValidationError
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared import errors, identity


class BadRequestError(errors.ParleyError):
    """The request cannot be read."""


class LengthRequiredError(errors.ParleyError):
    """The host hands on no body that is sent in chunks: send it with a Content-Length. Nothing was done."""


class UnsupportedMediaTypeError(errors.ParleyError):
    """The body must be JSON, with a content type that says so."""


class UnknownFileError(errors.ParleyError):
    """The page has no file by that name."""


class RuleError(errors.ParleyError):
    """The body is JSON, but breaks a rule that holds for every body."""


class FieldError(TypedDict):
    """What is wrong with one place of a body."""

    loc: Annotated[
        list[str | int], Field(description="Where: names of fields and numbers of list items, from the outside in.")
    ]
    msg: Annotated[str, Field(description="What is wrong, for a person.")]
    type: Annotated[str, Field(description="What sort, for a program.")]


class Problem(TypedDict):
    """A problem document (RFC 9457)."""

    type: Annotated[str, Field(description="What sort, for a program.")]
    title: Annotated[str, Field(description="What sort of problem it is, for a person.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="What happened, for a person.")]
    code: Annotated[str, Field(description="What happened, for a program.")]
    request_id: Annotated[str, Field(description="The answer's `x-request-id`; it is in the service's log, too.")]
    errors: NotRequired[
        Annotated[list[FieldError], Field(description="With `validation_failed`: what is wrong, place by place.")]
    ]
    ids: NotRequired[Annotated[list[str], Field(description="With `message_conflict`: the ids that clash.")]]


class Kind(NamedTuple):
    """What a caller is told of a sort of error."""

    status: int
    code: str
    title: str


MAX_ERRORS = 50  # told of one request; a body can break a rule a hundred thousand times
MAX_NAME_CHARACTERS = 100  # of a field, repeated in an answer
INTERNAL = Kind(500, "internal_error", "Something went wrong inside Parley")
KINDS: Mapping[type[Exception], Kind] = {
    BadRequestError: Kind(400, "bad_request", "The request cannot be read"),
    identity.OwnerError: Kind(400, "bad_request", "The request cannot be read"),
    identity.UnauthenticatedError: Kind(401, "unauthenticated", "Nobody is signed in"),
    identity.ForbiddenError: Kind(403, "forbidden", "Not the user who is signed in"),
    errors.SessionNotFoundError: Kind(404, "session_not_found", "No such session"),
    errors.MessageNotFoundError: Kind(404, "message_not_found", "No such message"),
    errors.ShareNotFoundError: Kind(404, "share_not_found", "No such link"),
    errors.TooManySharesError: Kind(422, "validation_failed", "The request breaks a rule"),
    UnknownFileError: Kind(404, "file_not_found", "No such file"),
    errors.SessionExistsError: Kind(409, "session_exists", "The session exists already"),
    errors.SessionArchivedError: Kind(409, "session_archived", "The session is archived"),
    errors.IdempotencyConflictError: Kind(409, "idempotency_conflict", "The key was used for something else"),
    errors.MessageConflictError: Kind(409, "message_conflict", "Messages with these ids are stored already"),
    errors.TurnInProgressError: Kind(409, "turn_in_progress", "Another reply is being made"),
    errors.TurnNotNewestError: Kind(409, "turn_not_newest", "More was said since"),
    errors.CallerMayNotSetError: Kind(403, "forbidden", "Not allowed"),
    errors.NothingToAnswerError: Kind(422, "validation_failed", "The request breaks a rule"),
    errors.NoResponderError: Kind(501, "no_responder", "Nothing here replies"),
    errors.ModelFailedError: Kind(502, "model_failed", "The model failed"),
    errors.ModelTimeoutError: Kind(504, "model_timeout", "The model did not answer in time"),
    errors.ModelThrottledError: Kind(429, "model_throttled", "The model is busy"),
    errors.ContentFilteredError: Kind(422, "content_filtered", "The content filter refused it"),
    LengthRequiredError: Kind(411, "length_required", "A body needs a length"),
    errors.PreconditionFailedError: Kind(412, "precondition_failed", "The session has changed"),
    errors.PayloadTooLargeError: Kind(413, "payload_too_large", "Too large"),
    UnsupportedMediaTypeError: Kind(415, "unsupported_media_type", "Not JSON"),
    RuleError: Kind(422, "validation_failed", "The request breaks a rule"),
    ValidationError: Kind(422, "validation_failed", "The request breaks a rule"),
    errors.StoreThrottledError: Kind(429, "throttled", "The store is busy"),
    errors.StoreUnavailableError: Kind(503, "store_unavailable", "The store cannot be reached"),
}
WAITING_ERRORS = (
    errors.StoreThrottledError,
    errors.StoreUnavailableError,
    errors.ModelThrottledError,
    errors.TurnInProgressError,
)  # each says for how long


def kind_of(error: Exception) -> Kind:
    """Return what a caller is told of this error; an unknown one is internal and stays unexplained."""
    return kind_of_type(type(error))


def kind_of_type(error: type[Exception]) -> Kind:
    """Return what a caller is told of errors of this type."""
    return next((KINDS[base] for base in error.__mro__ if base in KINDS), INTERNAL)


def problem(error: Exception, request_id: str) -> Problem:
    """Return the problem document of an error, without anything an outsider should not read."""
    kind = kind_of(error)
    document: Problem = {
        "type": f"urn:parley:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": _detail(error, kind),
        "code": kind.code,
        "request_id": request_id,
    }
    if isinstance(error, ValidationError):
        document["errors"] = [_validation_error(dict(item)) for item in _items(error)]
    elif kind.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        document["errors"] = [{"loc": [], "msg": str(error), "type": "value_error"}]
    if isinstance(error, errors.MessageConflictError):
        document["ids"] = error.ids
    return document


def retry_after(error: Exception) -> dict[str, str]:
    """Return the Retry-After header where waiting helps."""
    return {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, WAITING_ERRORS) else {}


def _detail(error: Exception, kind: Kind) -> str:
    if kind is INTERNAL:
        return "The error has been logged under this request's id."
    if isinstance(error, ValidationError):
        return sentences(error)
    if isinstance(error, errors.MessageConflictError):
        return f"{error} Their ids: {', '.join(error.ids)}."
    return str(error)


def sentences(error: ValidationError) -> str:
    """Return what is wrong, for a person: the first five faults."""
    return "; ".join(_sentence(dict(item)) for item in _items(error)[:5])


def _items(error: ValidationError) -> list[Any]:
    return error.errors(include_url=False, include_context=False, include_input=False)[:MAX_ERRORS]


def _place(item: dict[str, Any]) -> list[str | int]:
    """Return where the error is; a client's own name for a field may be as long as a body."""
    return [part[:MAX_NAME_CHARACTERS] if isinstance(part, str) else part for part in item["loc"]]


def _sentence(item: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in _place(item))
    return f"{place}: {item['msg']}" if place else str(item["msg"])


def _validation_error(item: dict[str, Any]) -> FieldError:
    return {"loc": _place(item), "msg": item["msg"], "type": item["type"]}

"""What the logs may tell: never whose a request was, nor what was said."""

import hashlib
import hmac
import json
import logging
import secrets
import traceback
from collections.abc import Iterator, Mapping, Sequence

from shared.usage import in_hand
from shared.version import VERSION

LEVELS = {  # not `azure`: Microsoft's runtime logs below that
    "azure.core": logging.WARNING,
    "azure.cosmos": logging.WARNING,
    "azure.cosmos._execution_context": logging.CRITICAL,  # its errors hold continuations, in which ids are
    "azure.identity": logging.WARNING,
}
FACTS = ("status_code", "sub_status", "errno", "sqlite_errorname")  # of drivers' errors: numbers, or names from a list
HASH_CHARACTERS = 16
INSTANCE_CHARACTERS = 16
_MADE_HERE = secrets.token_hex(32)
_process = {"instance": secrets.token_hex(INSTANCE_CHARACTERS // 2), "version": VERSION}
_events = logging.getLogger("parley.events")


def quieten() -> None:
    """Silence what the SDK logs of every request: its records name sessions and users, and no host filters them."""
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, level))


def begin(*, instance: str, store: str, settings: Sequence[str]) -> None:
    """Say in every line from now on which instance writes it, and in one line what has started, with which settings.

    Settings are told by their names alone; an instance that the platform does not name is named by chance.
    """
    if instance:
        _process["instance"] = instance[:INSTANCE_CHARACTERS]
    event("start", {"store": store, "settings": list(settings)})


def event(name: str, fields: Mapping[str, object], *, level: int = logging.INFO) -> None:
    """Log that something has happened, as one line of JSON, with the request it happened for, if it was for one."""
    if _events.isEnabledFor(level):
        request_id = in_hand().request_id
        _events.log(level, "%s", line(name, {"request_id": request_id or None, **fields}))


def line(name: str, fields: Mapping[str, object]) -> str:
    """Return a line of the log: what it is, what it tells, but for what is None, and who writes it."""
    told = {key: value for key, value in fields.items() if value is not None}
    return json.dumps({"event": name, **told, **_process})


def user_hash(key: str | None, user_id: str) -> str:
    """Return what stands for a user in the logs; without a key it means something in this process only.

    Keyed, because anybody can hash a list of e-mail addresses and compare.
    """
    text = user_id.encode("utf-8", "surrogatepass")
    return hmac.new((key or _MADE_HERE).encode(), b"user in the log:" + text, hashlib.sha256).hexdigest()[
        :HASH_CHARACTERS
    ]


def trace(error: BaseException) -> str:
    """Return the kinds of an error and of all that led to it, with the lines they passed, and none of their texts.

    A driver's text may hold an address with a session's id, a validation's the very message.
    """
    return "\n".join(line for each in _origins(error, set()) for line in _passed(each))


def _origins(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """Walk from an error to those it was raised for, each once."""
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    within = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for other in (*within, behind):
        if other is not None:
            yield from _origins(other, seen)


def _passed(error: BaseException) -> Iterator[str]:
    facts = [f"{name}={getattr(error, name)}" for name in FACTS if isinstance(getattr(error, name, None), int | str)]
    yield " ".join([f"{type(error).__module__}.{type(error).__qualname__}", *facts])
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}'

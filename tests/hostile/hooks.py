"""What generated requests are told that no schema can say; loaded by Schemathesis."""

from typing import Any

import schemathesis
from schemathesis import Case, GenerationMode, HookContext

OWNER = "fuzz"  # as in schemathesis.toml
LARGEST = 2**53


@schemathesis.hook
def before_call(_context: HookContext, case: Case, _kwargs: dict[str, Any]) -> None:
    """Send header values in UTF-8, and make a request that is meant to be accepted acceptable."""
    _say_what_the_wire_says(case.query or {})
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        _keep_to_the_rules(case)
    for name, value in list((case.headers or {}).items()):
        if not value.isascii():  # requests would send Latin-1, which the host refuses before any function sees it
            case.headers[name] = value.encode().decode("latin-1")


def _keep_to_the_rules(case: Case) -> None:
    if isinstance(case.body, dict):
        case.body = _within_doubles(case.body)
        if isinstance(case.body.get("ttl_seconds"), float):  # 60.0 is an integer to a schema, but not to Parley
            case.body["ttl_seconds"] = int(case.body["ttl_seconds"])
        if case.body.get("user_id"):
            case.body["user_id"] = OWNER  # the owner may be named twice, but has to be the same
        _tell_ids_apart(case.body.get("messages"))
    query = case.query or {}
    query.pop("cursor", None)  # nobody can make one up; the named cases do what can be done with one
    if query.get("last"):  # the only parameters that exclude one another
        for other in ("limit", "order", "before", "after"):
            query.pop(other, None)


def _say_what_the_wire_says(query: dict[str, Any]) -> None:
    """Let a case be judged by what arrives: no value is no parameter, one value is a list."""
    for name in [name for name, value in query.items() if value == ""]:
        del query[name]
    query.pop("x-schemathesis-unknown-property", None)  # unknown ones are ignored
    if not isinstance(query.get("tag", []), list):
        query["tag"] = [str(query["tag"])]


def _tell_ids_apart(messages: Any) -> None:
    """Leave an id to the first message of a batch that has it."""
    seen = set()
    for message in messages or ():
        if message.get("id") in seen:
            message.pop("id", None)
        seen.add(message.get("id"))


def _within_doubles(value: Any) -> Any:
    """Bring whole numbers into the range that the document's first page names for every body."""
    if isinstance(value, dict):
        return {name: _within_doubles(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_within_doubles(item) for item in value]
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value % LARGEST if is_whole and abs(value) > LARGEST else value

"""MongoDB's extended JSON, canonical, relaxed and of old, made plain: ids and times as texts, numbers as numbers.

learn: mongodb.com/docs/manual/reference/mongodb-extended-json
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from shared.migrate.times import EPOCH
from shared.models import JsonObject, format_time


def plain(value: JsonObject) -> object:
    """Return what an object of extended JSON stands for; any other object as it is. For json's `object_hook`."""
    if len(value) != 1:
        return value
    ((name, inner),) = value.items()
    convert = CONVERSIONS.get(name)
    if convert is None:
        return value
    try:
        return convert(inner)
    except (ValueError, TypeError, KeyError, OverflowError):
        return value


def _date(inner: object) -> object:
    """Return a time as text; what no calendar has stays the number it is."""
    if isinstance(inner, str):
        return inner
    if not isinstance(inner, int):
        raise TypeError
    try:
        return format_time(EPOCH + timedelta(milliseconds=inner))
    except OverflowError:
        return inner


def _timestamp(inner: JsonObject) -> object:
    return format_time(EPOCH + timedelta(seconds=inner["t"]))


def _double(inner: str) -> object:
    number = float(inner)
    return number if abs(number) < float("inf") else inner  # NaN and the infinities have no other form in JSON


def _text(inner: object) -> object:
    if not isinstance(inner, str):
        raise TypeError
    return inner


CONVERSIONS: Mapping[str, Callable[..., object]] = {
    "$oid": _text,
    "$uuid": _text,
    "$symbol": _text,
    "$numberDecimal": _text,
    "$date": _date,
    "$timestamp": _timestamp,
    "$numberInt": int,
    "$numberLong": int,
    "$numberDouble": _double,
    "$undefined": lambda _inner: None,
}

"""Chats measured in the neighbours' environment, where their packages are."""

from pydantic import TypeAdapter

from benchmarks.chats.costs import Chats
from benchmarks.chats.measure import Scale
from benchmarks.side_by_side import aside


def measure(scale: Scale) -> Chats:
    """Measure chats by every peer that is to be had."""
    return TypeAdapter(Chats).validate_json(aside("benchmarks.chats", TypeAdapter(Scale).dump_json(scale)))

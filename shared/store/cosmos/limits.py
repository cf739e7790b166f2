"""How long the adapter waits, and how much it keeps in one document; a store is made with others to try it out."""

from collections.abc import Callable
from typing import NamedTuple

Clock = Callable[[], float]  # the present moment, in seconds since 1970


class Limits(NamedTuple):
    """Seconds and bytes; a function's answer may take 230 seconds, and the adapter gives up long before that."""

    connect_seconds: float = 3
    read_seconds: float = 5  # the SDK's 65 s, sent four times, would outlast a function's answer
    throttle_seconds: float = 5  # waited for a throttled request, plus one wait at most, before the caller is told
    look_again_seconds: float = 5  # after a container was found missing or wrong; mending it needs no restart
    call_seconds: float = 12  # of one request with the SDK's retries, whose own `timeout` is not enforced on sockets
    contention_seconds: float = 12  # of trying again: half of what a request may take, the other half is for the tries
    max_pause_seconds: float = 0.5  # between two tries
    open_seconds: float = 1  # of the circuit, after the service was found unresponsive: nothing is sent
    probe_wait_seconds: float = 1  # to wait for another request to find out whether the service is back

    head_cap_bytes: int = 1_600_000  # of messages in both generations; an item ends at 2 MB
    previous_cap_bytes: int = 32 * 1024  # a larger previous generation becomes a page at the next append

    generation_bytes: int = 6 * 1024  # of messages before they leave the head; docs/decisions/0013 has the numbers

    trust_seconds: float = 60  # in what this process knows of a head, for an append that carries a page
    known_heads: int = 256  # kept in memory
    known_head_bytes: int = 64 * 1024  # of messages; a larger head is not kept
    known_pages_bytes: int = 4 * 1024 * 1024  # of messages in pages, of all sessions; twice that in memory (measured)

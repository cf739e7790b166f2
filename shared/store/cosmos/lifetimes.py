"""How long pages live beside their head: arithmetic in seconds, no I/O.

A page's clock does not start again when its head is written, so it is given more than the head's ttl, and the head
takes no write once the pages need renewal. Between two renewals a head lives 1.5 ttls at most: its last write comes
half a ttl after the renewal, and it lasts a whole ttl more. Every number here keeps a page beyond that.
"""

from shared.models import KEEP, MAX_TTL_SECONDS
from shared.store.cosmos.documents import ListedPage

FAR_FUTURE = 253_402_300_799  # the last second of the year 9999: never due for renewal
PAGE_SLACK_SECONDS = 5  # for clocks that differ, and where half a ttl is less than a second
MIN_RENEWAL_SECONDS = 2  # with a ttl of 1 a head would be due in the second it was renewed, and never be written
NEAR_PART = 8  # of a ttl: renewals are half a ttl apart, so one that is near comes after three quarters of that
FRESH_PART = 8  # of a page's life: 7/8 of 2 ttls are left to one that began less than that ago, more than 1.5


def page_ttl(ttl: int) -> int:
    """Return a page's time to live: long enough to outlast the head until the next renewal."""
    return KEEP if ttl == KEEP else min(2 * ttl + PAGE_SLACK_SECONDS, MAX_TTL_SECONDS)


def renewal_due(start: int, ttl: int) -> int:
    """Return the second from which pages written or renewed at `start` or later need renewal."""
    return FAR_FUTURE if ttl == KEEP else start + max(ttl // 2, MIN_RENEWAL_SECONDS)


def renew_at(start: int, ttl: int, generation: int) -> int:
    """Return when a head of that generation is due for renewal; the first one has no pages."""
    return renewal_due(start, ttl) if generation else FAR_FUTURE


def renewal_near(due: int, ttl: int, now: int) -> bool:
    """Return whether a renewal that is due then is better done now, while nobody waits for it: a quarter before."""
    return due != FAR_FUTURE and due - max(ttl // NEAR_PART, 1) <= now < due


def lasting_since(start: int, ttl: int) -> int:
    """Return since when a page with its whole life lasts as long as a head renewed at `start` needs: 1.5 ttls on."""
    return start - ttl // 2


def longer(ttl: int, other: int) -> int:
    """Return the longer of two times to live."""
    return KEEP if KEEP in {ttl, other} else max(ttl, other)


def is_fresh(page: ListedPage, wanted: int, now: float) -> bool:
    """Return whether a page found lives as long as one made now needs to: its maker is probably at work still."""
    if page["ttl"] == KEEP:
        return True
    return longer(page["ttl"], wanted) == page["ttl"] and page["_ts"] >= now - wanted // FRESH_PART


def lasts(page: ListedPage, wanted: int, since: float) -> bool:
    """Return whether a page ends no sooner than one written at `since` to live as long as is wanted."""
    if KEEP in {page["ttl"], wanted}:
        return page["ttl"] == KEEP
    return page["_ts"] + page["ttl"] >= since + wanted

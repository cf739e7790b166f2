"""Entity tags in If-Match and If-None-Match (RFC 9110, section 13.1)."""

import re

TAG = re.compile(r'(W/)?("[^"]*")')


def chosen(if_match: str | None) -> list[str]:
    """Return the tags one of which must be current; empty when there is no condition or any version will do.

    Weak tags cannot be compared strongly, so they never match; a header without a usable tag yields
    one that nothing has.
    """
    if if_match is None or if_match.strip() == "*":
        return []
    return [quoted for weak, quoted in TAG.findall(if_match) if not weak] or ['""']


def names(if_none_match: str | None, etag: str) -> bool:
    """Return whether the caller holds this version already; weak comparison."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in {quoted for _, quoted in TAG.findall(if_none_match)}

"""What may be repeated to whoever reads a message or a log: nothing that may hold a secret."""

import re

SHORT = 24  # characters; keys, tokens and connection strings are longer
PLAIN = re.compile(rf"[\w .,:*/+~(){{}}\[\]\"'|!<>-]{{0,{SHORT}}}")
NAMES = "key|password|passwd|pwd|secret|token|sig|signature|accountendpoint"
SECRET = re.compile(rf"({NAMES})([\"']\s*:|\s*=)|//[^/]*@", re.IGNORECASE)
WORD = re.compile(r"[^\W_]{13,}|(?=[^\W_]*[A-Za-z])(?=[^\W_]*[0-9])[^\W_]{6,}")  # long, or letters and digits mixed


def holds_secret(value: str) -> bool:
    """Return whether a value looks like a connection string, or like an address with a password or a key in it."""
    return SECRET.search(value) is not None


def shown(value: str | None) -> str:
    """Return ` (it is 'value')` for the end of a sentence; nothing where the value may hold a secret."""
    if not value or holds_secret(value) or WORD.search(value) or not PLAIN.fullmatch(value):
        return ""
    return f" (it is {value!r})"

"""What may be repeated to whoever reads a message or a log: nothing that may hold a secret."""

import re

SHORT = 24  # characters; keys, tokens and connection strings are longer
# Patterns, which `re` compiles at their first use: settings that are as they should be never come to it.
PLAIN = rf"[\w .,:*/+~(){{}}\[\]\"'|!<>-]{{0,{SHORT}}}"
NAMES = "key|password|passwd|pwd|secret|token|sig|signature|accountendpoint"
SECRET = rf"(?i:({NAMES})([\"']\s*:|\s*=)|//[^/]*@)"
WORD = r"[^\W_]{13,}|(?=[^\W_]*[A-Za-z])(?=[^\W_]*[0-9])[^\W_]{6,}"  # long, or letters and digits mixed


def holds_secret(value: str) -> bool:
    """Return whether a value looks like a connection string, or like an address with a password or a key in it."""
    return re.search(SECRET, value) is not None


def shown(value: str | None) -> str:
    """Return ` (it is 'value')` for the end of a sentence; nothing where the value may hold a secret."""
    if not value or holds_secret(value) or re.search(WORD, value) or not re.fullmatch(PLAIN, value):
        return ""
    return f" (it is {value!r})"

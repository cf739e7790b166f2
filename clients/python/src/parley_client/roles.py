"""Roles as earlier systems wrote them and as Parley has them."""

from typing import Any, Final

ROLES: Final = frozenset({"user", "assistant", "system", "developer", "tool"})
ALIASES: Final = {"ai": "assistant", "bot": "assistant", "human": "user", "function": "tool"}
ORIGINAL: Final = "original_role"


def role_of(written: object, metadata: dict[str, Any]) -> str:
    """Return Parley's role for one as it was written; an unknown one is `system`, and kept in the metadata."""
    plain = str(written).strip().lower()
    role = ALIASES.get(plain, plain)
    if role in ROLES:
        return role
    metadata[ORIGINAL] = written
    return "system"


def written_role(role: str, metadata: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever was written
    """Return the role as it was written, and take it out of the metadata."""
    return metadata.pop(ORIGINAL, role)

"""Where Parley is and with which key: from the arguments, else from the environment; the only reader of it."""

import os
from dataclasses import dataclass, field
from typing import Self

from parley_client.calls import base_url


@dataclass(frozen=True, slots=True)
class Server:
    """Parley's address without `/api`, and the function key to show there, if one is needed."""

    url: str
    function_key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str | None, function_key: str | None) -> Self:
        """Return the server given, else that of PARLEY_URL and PARLEY_FUNCTION_KEY; ValueError when there is none."""
        address = url or os.environ.get("PARLEY_URL")
        if not address:
            raise ValueError("Say where Parley is: url=… or PARLEY_URL, for example http://127.0.0.1:7071")
        return cls(base_url(address), function_key or os.environ.get("PARLEY_FUNCTION_KEY") or None)

    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        key = {"x-functions-key": self.function_key} if self.function_key else {}
        return {"accept": "application/json", "content-type": "application/json", **key}


def user_of(user: str | None) -> str | None:
    """Return the user given, else that of PARLEY_USER; None where a user is signed in. Raises as `valid_user` does."""
    return valid_user(user) or os.environ.get("PARLEY_USER") or None


def valid_user(user: str | None) -> str | None:
    """Return the user given, if one is; TypeError for what is no text, ValueError for an empty one.

    Who passes an empty name on meant somebody, and not whom the environment names.
    """
    if user is not None and not isinstance(user, str):
        raise TypeError(f"A user is a str, not {type(user).__name__}: user=str(…)")
    if user == "":
        raise ValueError("The user is empty; leave it out to speak for PARLEY_USER")
    return user

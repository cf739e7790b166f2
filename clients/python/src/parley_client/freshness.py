"""How new an answer must be: the token of each user's newest answer, which goes back with that user's next request."""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from parley_client.calls import HEADER_TEXT

HEADER: Final = "x-session-token"
USERS: Final = 4_096  # of a client that serves many; the one not heard of for longest is forgotten first
TOKEN_CHARACTERS: Final = 256  # Parley ignores longer ones


class Freshness:
    """Session tokens by user; opaque, and a hint only: without one a read may be some milliseconds old.

    There is no lock, because one that another thread holds at a fork is never let go in the child: each step is
    atomic by itself, and whatever steps of others come between, no user gets another one's token.
    """

    def __init__(self, users: int = USERS) -> None:
        """Remember the tokens of so many users."""
        self._users = users
        self._tokens: OrderedDict[str | None, str] = OrderedDict()

    def headers(self, user: str | None) -> dict[str, str]:
        """Return the header of a user's next request; none where no answer had one."""
        token = self._tokens.get(user)
        return {HEADER: token} if token else {}

    def learn(self, user: str | None, headers: Mapping[str, str]) -> None:
        """Remember what the headers of an answer to a user say; one that says nothing changes nothing."""
        token = headers.get(HEADER, "")
        if len(token) > TOKEN_CHARACTERS or not HEADER_TEXT.fullmatch(token):
            return
        self._tokens[user] = token
        with suppress(KeyError):  # forgotten already
            self._tokens.move_to_end(user)
        if len(self._tokens) > self._users:
            self._tokens.popitem(last=False)

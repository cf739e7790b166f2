"""Session tokens: how clients see them, which of theirs mean anything, and which of two is the newer.

A token names a physical partition and how far its log of writes had come: `0:-1#42`, with more regions `0:1#42#3=40`.
To clients it goes with a mark of the container, so that one of another container costs nobody a read.
"""

import hashlib
import re
from collections import OrderedDict

from azure.cosmos._session_token_helpers import merge_session_tokens_with_same_range
from azure.cosmos.exceptions import CosmosHttpResponseError

MAX_CHARACTERS = 256
OWNERS = 1_000  # whose last batch is remembered
GRAMMAR = r"[0-9]{1,10}:-?[0-9]{1,19}#[0-9]{1,19}(?:#[0-9]{1,5}=-?[0-9]{1,19})*"


def newer(one: str | None, other: str | None) -> str | None:
    """Return the token that covers both, by the SDK's own comparison; of two that cannot be compared, the second."""
    if one is None or other is None or one == other:
        return other or one
    try:
        merged: str = merge_session_tokens_with_same_range(one, other)
    except CosmosHttpResponseError:  # regions were added or removed in between
        return other
    return merged


class SessionTokens:
    """What one process knows of the states of a container's physical partitions."""

    def __init__(self, *container: str) -> None:
        """Know nothing yet of the container that these names lead to."""
        self._mark = hashlib.sha256("/".join(container).encode()).hexdigest()[:8] + "."
        self._newest: dict[str, str] = {}
        self._after_batch: OrderedDict[str, str] = OrderedDict()

    def for_client(self, token: str) -> str:
        """Return a token as clients see it."""
        return self._mark + token

    def from_client(self, sent: str) -> str | None:
        """Return the token that a client sent; None for one that means nothing here."""
        token = sent.removeprefix(self._mark)
        if len(sent) > MAX_CHARACTERS or token == sent or not re.fullmatch(GRAMMAR, token):
            return None
        return token

    def note(self, token: str) -> None:
        """Keep the token of an answer, if it is newer than what is known of its physical partition."""
        place = token.partition(":")[0]
        self._newest[place] = newer(self._newest.get(place), token) or token

    def at_least(self, token: str) -> str:
        """Return a token for reads that may see nothing older than `token`, nor than what this process has seen."""
        return newer(token, self._newest.get(token.partition(":")[0])) or token

    def note_batch(self, owner: str, token: str) -> None:
        """Keep the token of a batch: the SDK keeps those of all other answers (azure-cosmos 4.17, `findings/`)."""
        self._after_batch[owner] = token
        self._after_batch.move_to_end(owner)
        if len(self._after_batch) > OWNERS:
            self._after_batch.popitem(last=False)

    def after_batch(self, owner: str) -> str | None:
        """Return the token of the owner's last batch."""
        return self._after_batch.get(owner)

    def forget_batch(self, owner: str) -> None:
        """Forget a token that no replica serves."""
        self._after_batch.pop(owner, None)

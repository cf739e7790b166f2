"""Session tokens: each answer's goes back with the same user's next request, and with nobody else's."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from parley_client import AsyncParley, Parley, ParleyError, Patience
from parley_client.freshness import Freshness

from tests.clients.tokens import HEADER, TokenServer, giving_tokens

pytestmark = pytest.mark.on_both_stores

Create = Callable[..., object]


@pytest.fixture
def server() -> Iterator[TokenServer]:
    """Run a server that gives tokens."""
    with giving_tokens() as running:
        yield running


@pytest.fixture(params=["sync", "async"])
def create(request: pytest.FixtureRequest, server: TokenServer) -> Iterator[Create]:
    """Return how either client creates a session for a user; what it raises of refusals is not the point."""
    patience = Patience(tries=2, seconds=5)
    parley, async_parley = Parley(server.url, patience=patience), AsyncParley(server.url, patience=patience)

    async def ask(user: str | None, **fields: str) -> None:
        try:
            if request.param == "sync":
                parley.speaking_for(user).create_session(**fields)
            else:
                await async_parley.speaking_for(user).create_session(**fields)
        except ParleyError:
            pass

    yield lambda user, **fields: asyncio.run(ask(user, **fields))
    parley.close()


def test_a_users_newest_token_goes_back_with_that_users_next_request(server: TokenServer, create: Create) -> None:
    server.replies = [(201, "0:-1#1"), (201, "0:-1#2"), (201, None)]

    for _ in range(4):
        create("ann")

    assert [token for _, token in server.asked] == [None, "0:-1#1", "0:-1#2", "0:-1#2"]


def test_no_user_gets_anothers_token(server: TokenServer, create: Create) -> None:
    server.replies = [(201, "ann's"), (201, "bob's")]

    for user in ("ann", "bob", "ann", "bob", None):
        create(user)
    create(None, user_id="ann")  # a body may name the owner

    asked_again = [("ann", "ann's"), ("bob", "bob's"), (None, None), ("ann", "ann's")]
    assert server.asked == [("ann", None), ("bob", None), *asked_again]


def test_without_tokens_none_is_sent(server: TokenServer, create: Create) -> None:
    create("ann")
    create("ann")

    assert server.asked == [("ann", None)] * 2


def test_a_refusals_token_counts_and_goes_back_when_the_request_is_repeated(
    server: TokenServer, create: Create
) -> None:
    server.replies = [(503, "busy"), (409, "refused")]

    create("ann")
    create("ann")

    assert [token for _, token in server.asked] == [None, "busy", "refused"]


@pytest.mark.parametrize("odd", ["", "x" * 257, "tökën"])
def test_a_token_that_means_nothing_is_not_sent_back(server: TokenServer, create: Create, odd: str) -> None:
    server.replies = [(201, "good"), (201, odd)]

    for _ in range(3):
        create("ann")

    assert server.asked[-1] == ("ann", "good")


def test_a_client_of_many_users_forgets_the_one_not_heard_of_for_longest() -> None:
    freshness = Freshness(users=2)

    for user in ("ann", "bob", "ann", "eve"):
        freshness.learn(user, {HEADER: f"{user}'s"})

    remembered = [freshness.headers(user).get(HEADER) for user in ("ann", "bob", "eve")]
    assert remembered == ["ann's", None, "eve's"]

"""The client that an adapter speaks through: the one it is given, or one that all adapters of a process share."""

from typing import Final, TypeVar

from parley_client.aio import AsyncParley
from parley_client.client import Parley
from parley_client.names import user_id_for
from parley_client.settings import Server, user_of, valid_user

Client = TypeVar("Client", Parley, AsyncParley)

_shared: Final[dict[Server, Parley]] = {}
_shared_async: Final[dict[Server, AsyncParley]] = {}


def client_for(
    user: str | None, client: Parley | None = None, *, url: str | None = None, function_key: str | None = None
) -> Parley:
    """Return a client for this user, else for PARLEY_USER; a user's id that Parley cannot have becomes its hash.

    Without `client` it is a shared one for `url` and `function_key`, else for PARLEY_URL and PARLEY_FUNCTION_KEY.
    It speaks for the user that it has already where no user is named.
    """
    if client is None:
        server = Server.of(url, function_key)
        client = _shared.get(server) or _shared.setdefault(server, Parley(server.url, function_key=server.function_key))
        return _speaking(client, user_of(user))
    return _speaking(_of_kind(client, Parley), valid_user(user))


def async_client_for(
    user: str | None, client: AsyncParley | None = None, *, url: str | None = None, function_key: str | None = None
) -> AsyncParley:
    """Return an asynchronous client in the same way; it may be used in any loop."""
    if client is None:
        server = Server.of(url, function_key)
        client = _shared_async.get(server) or _shared_async.setdefault(
            server, AsyncParley(server.url, function_key=server.function_key)
        )
        return _speaking(client, user_of(user))
    return _speaking(_of_kind(client, AsyncParley), valid_user(user))


def _of_kind(client: Client, kind: type[Client]) -> Client:
    """Refuse the other kind before anything is sent: what it sends is stored, and only its answer fails."""
    if not isinstance(client, kind):
        raise TypeError(f"This adapter speaks through {kind.__name__} here, and was given {type(client).__name__}")
    return client


def _speaking(client: Client, user: str | None) -> Client:
    return client.speaking_for(user_id_for(user)) if user else client

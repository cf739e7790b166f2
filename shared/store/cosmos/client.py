"""How every client of the SDK is made here: it asks the environment once for a proxy, and never for passwords."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from azure.cosmos.aio import CosmosClient

EMULATOR: Mapping[str, Any] = {"enable_endpoint_discovery": False, "connection_verify": False}


def make_client(
    endpoint: str,
    credential: Any,  # noqa: ANN401 - a key, or what signs in
    *,
    emulator: bool,
    transport: Callable[..., Any],
    **options: Any,  # noqa: ANN401 - the SDK's
) -> CosmosClient:
    """Return a client that is not opened yet; `transport` makes the SDK's AioHttpTransport, or one that knows more.

    Left to itself the transport reads a password file (`~/.netrc`) before each request, and one with a `default`
    entry makes every request fail (decision 9).
    """
    return CosmosClient(
        endpoint,
        credential,
        transport=transport(use_env_settings=False),
        proxies=_proxies(endpoint),
        **(EMULATOR if emulator else {}),
        **options,
    )


def _proxies(endpoint: str) -> dict[str, str]:
    """Return the proxy on the way to an endpoint, by scheme, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY name it.

    It is looked up once: left to itself, the SDK's transport has a thread look for a password file and another
    for a proxy before each request, a third of its time on a near server (measured, decision 9).
    """
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - with the first client, as aiohttp is

    url = urlsplit(endpoint)
    proxy = getproxies().get(url.scheme)
    bypassed = proxy_bypass(url.hostname or "") or proxy_bypass(url.netloc)
    return {url.scheme: proxy} if proxy and not bypassed else {}

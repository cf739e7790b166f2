"""A network between a client and Parley that misbehaves on request, for clients that block their thread."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cosmos.proxy import Act, Proxy, Request, Rule
from tests.listening import LoopBeside, loop_beside


class Weather:
    """A proxy before Parley, in a loop and a thread of its own."""

    def __init__(self, proxy: Proxy, beside: LoopBeside) -> None:
        self._proxy = proxy
        self._beside = beside

    @property
    def url(self) -> str:
        """Where the client is to go; the same after an outage."""
        return self._proxy.endpoint

    @property
    def connections(self) -> int:
        """How many connections it has accepted so far."""
        return self._proxy.connections

    @property
    def connected(self) -> int:
        """How many of them are open."""
        return len(self._proxy._clients)

    def on(self, method: str, ending: str, act: Act, *, times: int | None = 1) -> Rule:
        """Do this to requests by that method, to paths that end so."""

        def matches(request: Request) -> bool:
            return request.method == method and request.target.partition("?")[0].endswith(ending)

        return self._proxy.on(matches, act, times=times)

    def on_all(self, act: Act, *, times: int | None = None) -> Rule:
        """Do this to every request."""
        return self._proxy.on(lambda _: True, act, times=times)

    def calm(self) -> None:
        """Let everything pass from now on."""
        self._proxy.calm()

    def down(self) -> None:
        """Let nobody in any more, and break what is under way."""
        self._beside.run(self._proxy.stop())

    def up(self) -> None:
        """Listen again, where it did before."""
        self._beside.run(self._proxy.start())


@contextmanager
def weather_before(url: str) -> Iterator[Weather]:
    """Stand before a server until the block ends."""
    with loop_beside() as beside:
        proxy = Proxy(url)
        beside.run(proxy.start())
        beside.stack.push_async_callback(proxy.stop)
        yield Weather(proxy, beside)

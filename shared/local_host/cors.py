"""CORS as the platform in front of the Functions host does it: preflights never reach a function."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

_MAX_AGE_SECONDS: Final = 86400


class Cors:
    """The allowed origins; `*` allows all of them. Credentials are never allowed."""

    def __init__(self, origins: Sequence[str]) -> None:
        """Take origins as a browser sends them; case and a trailing slash do not matter."""
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    def install(self, web_app: web.Application) -> None:
        """Answer preflights before routing and mark every answer; without origins nothing changes."""
        if self._origins:
            web_app.middlewares.append(self._answer_preflights)
            web_app.on_response_prepare.append(self._mark)

    def _allowed(self, request: web.Request) -> str | None:
        origin = request.headers.get("Origin", "")
        if origin and "*" in self._origins:
            return "*"
        return origin if origin.lower() in self._origins else None

    @web.middleware
    async def _answer_preflights(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        method = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or not method or "Origin" not in request.headers:
            return await handler(request)
        response = web.Response(status=204)
        if self._allowed(request):
            response.headers["Access-Control-Allow-Methods"] = method
            response.headers["Access-Control-Max-Age"] = str(_MAX_AGE_SECONDS)
            if wanted := request.headers.get("Access-Control-Request-Headers"):
                response.headers["Access-Control-Allow-Headers"] = wanted
        return response

    async def _mark(self, request: web.Request, response: web.StreamResponse) -> None:
        if allowed := self._allowed(request):
            response.headers["Access-Control-Allow-Origin"] = allowed
        if "*" not in self._origins:
            vary = response.headers.get("Vary")
            response.headers["Vary"] = f"{vary}, Origin" if vary else "Origin"

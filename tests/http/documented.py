"""What a service answers, held against what the OpenAPI document says of its routes."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler

from shared.http.docs_page import load_document
from shared.http.problems import INTERNAL
from shared.local_host.routing import HostRoute, RouteTable, compile_template, decode_path
from shared.models import JsonObject
from shared.openapi.operations import Operation
from tests.http.client import PROBLEM

SENT = "sent"  # by a host behind the one that counts, piece by piece: nobody knows what was in it
DOCUMENT: JsonObject = json.loads(load_document().content)


class Told(NamedTuple):
    """How an operation answered; `code` is a problem's, `""` of what is none, SENT of one that was passed on."""

    operation: str
    status: int
    code: str = ""


HOSTS_OWN = {Told("", 202), Told("", 400), Told("", 404)}  # where no route fits; 202 when a timer is fired


class Tally:
    """Counts answers by operation, status and code; the operation `""` is the host's own, where no route fits."""

    def __init__(self, known: Iterable[Operation]) -> None:
        """Know the routes, and what is documented of them."""
        known = list(known)
        self.answers: Counter[Told] = Counter()
        self._operations = RouteTable(
            HostRoute(compile_template(route.path.strip("/")), frozenset({route.method}), route) for route in known
        )
        self._documented = {told for route in known for told in _documented(route)} | HOSTS_OWN

    @web.middleware
    async def count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count one answer."""
        response = await handler(request)
        bare = not response.body_length and "x-request-id" not in response.headers
        self.answers[Told("" if bare else self._operation(request), response.status, _code(request, response))] += 1
        return response

    def _operation(self, request: web.Request) -> str:
        found = self._operations.find(request.method, decode_path(request.raw_path.partition("?")[0]))
        return found[0].operation_id if found else ""

    @property
    def total(self) -> int:
        """How many requests were answered."""
        return self.answers.total()

    @property
    def statuses(self) -> dict[int, int]:
        """How often each status was answered."""
        found: Counter[int] = Counter()
        for told, count in self.answers.items():
            found[told.status] += count
        return dict(sorted(found.items()))

    @property
    def undocumented(self) -> dict[Told, int]:
        """Answers that the document does not name for their operation, by status and code; a server error is one."""
        return {told: count for told, count in sorted(self.answers.items()) if told not in self._documented}

    @property
    def surprises(self) -> dict[Told, int]:
        """The same but for errors of the service's own, of which the document speaks once."""
        return {told: count for told, count in self.undocumented.items() if told.status != INTERNAL.status}


def _code(request: web.Request, response: web.StreamResponse) -> str:
    """Return the code of a problem; an answer to HEAD has no body to name one in."""
    if response.content_type != PROBLEM or request.method == "HEAD":
        return ""
    return str(json.loads(response.body)["code"]) if isinstance(response, web.Response) else SENT


def _documented(route: Operation) -> Iterable[Told]:
    for status, response in DOCUMENT["paths"][route.path][route.method.lower()]["responses"].items():
        content = _resolved(response).get("content", {}).get(PROBLEM)
        codes = content["schema"]["properties"]["code"]["enum"] if content else [""]
        yield from (Told(route.operation_id, int(status), code) for code in [*codes, *([SENT] if content else [])])


def _resolved(value: JsonObject) -> JsonObject:
    if "$ref" not in value:
        return value
    found: JsonObject = DOCUMENT
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found

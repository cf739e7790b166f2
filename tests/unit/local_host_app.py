"""A small app that shows what the local host hands over, and a way to serve any app on a free port."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import azure.functions as func
from aiohttp import web

from shared.local_host import build_web_app, runner_for

HOST_JSON = {"version": "2.0", "extensions": {"http": {"routePrefix": "api"}}}
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


def sample_app() -> func.FunctionApp:
    """Return a fresh app with one function per behaviour."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
    _add_echoes(app)
    _add_answers(app)
    _add_failures(app)
    return app


@asynccontextmanager
async def serving(
    app: func.FunctionApp, *, host_json: Mapping[str, Any] = HOST_JSON, cors_origins: Sequence[str] = ()
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve an app on a free port and give a client whose URLs are relative to it."""
    runner = runner_for(build_web_app(app, host_json=host_json, cors_origins=cors_origins))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            yield client
    finally:
        await runner.cleanup()


async def send_raw(client: aiohttp.ClientSession, request: str | bytes) -> tuple[int, bytes]:
    """Send bytes that no client library would send; return status and body of the one answer."""
    url = (await client.get("/")).url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request.encode() if isinstance(request, str) else request)
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        body = b"" if b"content-length: 0" in head.lower() else await reader.read()
    writer.close()
    return int(head.split()[1]), body


async def get_raw(client: aiohttp.ClientSession, target: str, *headers: str) -> tuple[int, bytes]:
    """GET a target exactly as written."""
    lines = [f"GET {target} HTTP/1.1", "Host: parley.test", "Connection: close", *headers, "", ""]
    return await send_raw(client, "\r\n".join(lines))


def _describe(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().decode("latin-1"),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


def _add_echoes(app: func.FunctionApp) -> None:
    @app.route("echo", methods=METHODS)
    async def echo(req: func.HttpRequest) -> func.HttpResponse:
        return _describe(req)

    @app.route("echo/{id}", methods=METHODS)
    async def echo_one(req: func.HttpRequest) -> func.HttpResponse:
        return _describe(req)

    @app.route("get-{channel}-chat/{id}", methods=["GET", "POST"])
    async def mixed_segment(req: func.HttpRequest) -> func.HttpResponse:
        return _describe(req)


def _add_answers(app: func.FunctionApp) -> None:
    @app.route("text", methods=["GET"])
    async def text(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("grüße")

    @app.route("json", methods=["GET"])
    async def json_typed(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("{}", mimetype="application/json")

    @app.route("latin", methods=["GET"])
    async def latin(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("ü", mimetype="text/html", charset="latin-1")

    @app.route("headed", methods=["GET"])
    async def headed(req: func.HttpRequest) -> func.HttpResponse:
        response = func.HttpResponse("ok", headers={"content-type": "text/csv"})
        response.headers.add("X-Twice", "1")
        response.headers.add("X-Twice", "2")
        return response

    @app.route("status/{code}", methods=["GET", "HEAD"])
    async def status(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("body", status_code=int(req.route_params["code"]), headers={"ETag": '"1"'})


def _add_failures(app: func.FunctionApp) -> None:
    @app.route("raises", methods=["GET"])
    async def raises(req: func.HttpRequest) -> func.HttpResponse:
        raise RuntimeError("secret detail")

    @app.route("returns-dict", methods=["GET"])
    async def returns_dict(req: func.HttpRequest) -> dict[str, str]:
        return {"a": "dict"}

    @app.route("returns-none", methods=["GET"])
    async def returns_none(req: func.HttpRequest) -> None:
        return None

    @app.route("odd-header", methods=["GET"])
    async def odd_header(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("ok", headers={"Content-Disposition": "attachment; filename=grüße.txt"})

"""`python -m shared.local_host`: serve the project's `function_app` on this machine."""

import asyncio
import contextlib
import importlib
import inspect
import json
import logging
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import azure.functions as func
from aiohttp import web

from shared.local_host import HostError, build_web_app, runner_for

if TYPE_CHECKING:
    from shared.settings import Settings

HOST: Final = "127.0.0.1"
ROOT: Final = Path(__file__).resolve().parents[2]
TURN: Final = """\
  curl -sN {url}/api/chat/turns -H 'x-user-id: me' -H 'accept: text/event-stream' -H 'content-type: application/json' \
-d '{{"content": "What is a good name for a cat?", "role": "user", "id": "question-1", "session_id": "cats"}}'
The reply goes on if you break that off; sent again with the same ids it comes again, whole.
"""


def main() -> int:
    """Serve until Ctrl-C or SIGTERM and return 0; return 2 with one message when the start fails."""
    from shared.settings import SettingsError, load_settings  # noqa: PLC0415 - the host itself needs no settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = load_settings()
        module = _import_function_app()
        web_app = build_web_app(_app_of(module), host_json=_read_host_json(), cors_origins=settings.cors_origins)
        listener = _listen(settings.port)
    except (SettingsError, HostError) as error:
        print(error, file=sys.stderr)
        return 2
    with contextlib.suppress(KeyboardInterrupt):  # where the loop takes no signal handlers
        asyncio.run(_serve(web_app, listener, module, settings))
    return 0


def _import_function_app() -> ModuleType:
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    return importlib.import_module("function_app")


def _app_of(module: ModuleType) -> func.FunctionApp:
    app = getattr(module, "app", None)
    if not isinstance(app, func.FunctionApp):
        raise HostError("function_app.py must hold a FunctionApp named app")
    return app


def _read_host_json() -> dict[str, Any]:
    try:
        content = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise HostError(f"host.json cannot be read: {exc}") from exc
    if not isinstance(content, dict):
        raise HostError("host.json must hold an object")
    return content


def _listen(port: int) -> socket.socket:
    """Take the port before anything starts, so that a second host fires no timer."""
    try:
        return socket.create_server((HOST, port))
    except OSError as exc:
        raise HostError(f"Cannot listen on {HOST}:{port} ({exc.strerror}). Set PORT to a free port.") from exc


async def _serve(web_app: web.Application, listener: socket.socket, module: ModuleType, settings: "Settings") -> None:
    stopped = _stop_signal()
    runner = runner_for(web_app)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        print(_welcome(listener.getsockname()[1], settings), flush=True)
        await stopped.wait()
        print("Stopping.", flush=True)
    finally:
        await runner.cleanup()
        await _close(module)


def _stop_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(number, stopped.set)
    return stopped


async def _close(module: ModuleType) -> None:
    close = getattr(module, "close", None)
    if inspect.iscoroutinefunction(close):
        await close()


def _welcome(port: int, settings: "Settings") -> str:
    url = f"http://{HOST}:{port}"
    sqlite, cosmos = f"SQLite, {settings.sqlite_path.resolve()}", f"Cosmos DB, {settings.cosmos_endpoint}"
    data = sqlite if settings.store == "sqlite" else cosmos
    model = settings.model
    none = "none, as MODEL_ENDPOINT is not set; make run-model brings a small one"
    answers = f"{model.name}, {model.endpoint}" if model.endpoint else none
    return (
        f"Open {url}/api/app in a browser.\n"
        f"Parley listens on {url}\n"
        f"Its data: {data}\n"
        f"Its model: {answers}\n"
        "Try:\n"
        f"  curl -s {url}/api/chat/messages -H 'x-user-id: me' -H 'content-type: application/json'"
        """ -d '{"content": "Hello!", "role": "user"}'\n"""
        + (TURN.format(url=url) if model.endpoint else "")
        + "Ctrl-C stops it."
    )


if __name__ == "__main__":
    raise SystemExit(main())

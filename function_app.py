"""Parley's functions: every route and timer is found here, and what each of them calls."""

import azure.functions as func

from shared import archival
from shared.http import docs, messages, operations, sessions
from shared.http.boundary import Handler, respond
from shared.service import ChatService
from shared.settings import load_settings
from shared.store import open_store

settings = load_settings()
trusted = settings.user_identity == "trusted"
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION if trusted else func.AuthLevel.ANONYMOUS)
chat = ChatService(open_store(settings), settings)


async def _answer(req: func.HttpRequest, handler: Handler) -> func.HttpResponse:
    return await respond(req, chat, handler)


async def close() -> None:
    """Let go of the store, where a host says when it ends."""
    await chat.store.close()


@app.route("chat/sessions", methods=["POST"])
async def create_session(req: func.HttpRequest) -> func.HttpResponse:
    """Create a session."""
    return await _answer(req, sessions.create)


@app.route("chat/sessions", methods=["GET"])
async def list_sessions(req: func.HttpRequest) -> func.HttpResponse:
    """List sessions."""
    return await _answer(req, sessions.list_all)


@app.route("chat/sessions/{session_id}", methods=["GET"])
async def read_session(req: func.HttpRequest) -> func.HttpResponse:
    """Read a session with its newest messages."""
    return await _answer(req, sessions.read)


@app.route("chat/sessions/{session_id}", methods=["PATCH", "PUT"])
async def change_session(req: func.HttpRequest) -> func.HttpResponse:
    """Change a session."""
    return await _answer(req, sessions.change)


@app.route("chat/sessions/{session_id}", methods=["DELETE"])
async def delete_session(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a session."""
    return await _answer(req, sessions.delete)


@app.route("chat/sessions/{session_id}/archive", methods=["POST"])
async def archive_session(req: func.HttpRequest) -> func.HttpResponse:
    """Archive a session."""
    return await _answer(req, sessions.archive)


@app.route("chat/sessions/{session_id}/restore", methods=["POST"])
async def restore_session(req: func.HttpRequest) -> func.HttpResponse:
    """Restore a session."""
    return await _answer(req, sessions.restore)


@app.route("chat/sessions/{session_id}/stats", methods=["GET"])
async def session_stats(req: func.HttpRequest) -> func.HttpResponse:
    """Count a session's messages."""
    return await _answer(req, sessions.stats)


@app.route("chat/sessions/{session_id}/messages", methods=["POST"])
async def append_messages(req: func.HttpRequest) -> func.HttpResponse:
    """Append messages."""
    return await _answer(req, messages.append)


@app.route("chat/sessions/{session_id}/messages", methods=["GET"])
async def list_messages(req: func.HttpRequest) -> func.HttpResponse:
    """Page through messages."""
    return await _answer(req, messages.list_all)


@app.route("chat/sessions/{session_id}/messages", methods=["DELETE"])
async def clear_messages(req: func.HttpRequest) -> func.HttpResponse:
    """Clear or rewind a session."""
    return await _answer(req, messages.clear)


@app.route("chat/messages", methods=["POST"])
async def append_anywhere(req: func.HttpRequest) -> func.HttpResponse:
    """Append messages to a session that is made if need be."""
    return await _answer(req, messages.append_anywhere)


@app.route("chat/data", methods=["DELETE"])
async def erase_owner(req: func.HttpRequest) -> func.HttpResponse:
    """Erase everything the owner has."""
    return await _answer(req, operations.erase)


@app.route("health", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Tell whether the store answers."""
    return await _answer(req, operations.health)


@app.route("openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Describe this API in OpenAPI."""
    return await _answer(req, docs.openapi)


@app.route("docs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def docs_page(req: func.HttpRequest) -> func.HttpResponse:
    """Read and try this API."""
    return await _answer(req, docs.page)


@app.route("docs/{file}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def docs_file(req: func.HttpRequest) -> func.HttpResponse:
    """Return a file of that page."""
    return await _answer(req, docs.file)


@app.timer_trigger("timer", settings.archive_schedule, run_on_startup=False, use_monitor=True)
async def archive_idle_sessions(timer: func.TimerRequest) -> None:
    """Archive what has gone quiet."""
    await archival.run(chat.store, archival.Plan.of(settings), past_due=timer.past_due)

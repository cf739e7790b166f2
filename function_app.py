"""Parley's functions: every route and timer is found here, and what each of them calls."""

import gc

gc.disable()  # nothing that is being imported is garbage: looking for it took a fifth of a cold start (measured)

import azure.functions as func

from shared import http
from shared.http.boundary import Handler, respond
from shared.logs import quieten
from shared.service import ChatService
from shared.settings import load_settings
from shared.store import open_store

quieten()
settings = load_settings()
trusted = settings.user_identity == "trusted"
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION if trusted else func.AuthLevel.ANONYMOUS)
chat = ChatService(open_store(settings), settings)


async def _answer(req: func.HttpRequest, handler: Handler) -> func.HttpResponse:
    return await respond(req, chat, handler)


async def close() -> None:
    """Let go of the store, where a host says when it ends."""
    await chat.store.close()


gc.freeze()  # else enabling it looks through all of it at once
gc.enable()


@app.route("chat/sessions", methods=["POST"])
async def create_session(req: func.HttpRequest) -> func.HttpResponse:
    """Create a session."""
    return await _answer(req, http.sessions.create)


@app.route("chat/sessions", methods=["GET"])
async def list_sessions(req: func.HttpRequest) -> func.HttpResponse:
    """List sessions."""
    return await _answer(req, http.sessions.list_all)


@app.route("chat/sessions/{session_id}", methods=["GET"])
async def read_session(req: func.HttpRequest) -> func.HttpResponse:
    """Read a session with its newest messages."""
    return await _answer(req, http.sessions.read)


@app.route("chat/sessions/{session_id}", methods=["PATCH", "PUT"])
async def change_session(req: func.HttpRequest) -> func.HttpResponse:
    """Change a session."""
    return await _answer(req, http.sessions.change)


@app.route("chat/sessions/{session_id}", methods=["DELETE"])
async def delete_session(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a session."""
    return await _answer(req, http.sessions.delete)


@app.route("chat/sessions/{session_id}/archive", methods=["POST"])
async def archive_session(req: func.HttpRequest) -> func.HttpResponse:
    """Archive a session."""
    return await _answer(req, http.sessions.archive)


@app.route("chat/sessions/{session_id}/restore", methods=["POST"])
async def restore_session(req: func.HttpRequest) -> func.HttpResponse:
    """Restore a session."""
    return await _answer(req, http.sessions.restore)


@app.route("chat/sessions/{session_id}/stats", methods=["GET"])
async def session_stats(req: func.HttpRequest) -> func.HttpResponse:
    """Count a session's messages."""
    return await _answer(req, http.sessions.stats)


@app.route("chat/sessions/{session_id}/export", methods=["GET"])
async def export_session(req: func.HttpRequest) -> func.HttpResponse:
    """Export a session."""
    return await _answer(req, http.exports.export_session)


@app.route("chat/sessions/{session_id}/fork", methods=["POST"])
async def fork_session(req: func.HttpRequest) -> func.HttpResponse:
    """Fork a session."""
    return await _answer(req, http.sessions.fork)


@app.route("chat/sessions/{session_id}/share", methods=["POST"])
async def share_session(req: func.HttpRequest) -> func.HttpResponse:
    """Make a link to a session."""
    return await _answer(req, http.shares.create)


@app.route("chat/sessions/{session_id}/share", methods=["GET"])
async def list_shares(req: func.HttpRequest) -> func.HttpResponse:
    """List the links to a session."""
    return await _answer(req, http.shares.list_all)


@app.route("chat/sessions/{session_id}/share/{share_id}", methods=["DELETE"])
async def revoke_share(req: func.HttpRequest) -> func.HttpResponse:
    """Revoke a link."""
    return await _answer(req, http.shares.revoke)


@app.route("shared/{token}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def view_share(req: func.HttpRequest) -> func.HttpResponse:
    """Read what somebody shares."""
    return await _answer(req, http.shares.view)


@app.route("chat/sessions/{session_id}/messages", methods=["POST"])
async def append_messages(req: func.HttpRequest) -> func.HttpResponse:
    """Append messages."""
    return await _answer(req, http.messages.append)


@app.route("chat/sessions/{session_id}/messages", methods=["GET"])
async def list_messages(req: func.HttpRequest) -> func.HttpResponse:
    """Page through messages."""
    return await _answer(req, http.messages.list_all)


@app.route("chat/sessions/{session_id}/messages", methods=["DELETE"])
async def clear_messages(req: func.HttpRequest) -> func.HttpResponse:
    """Clear or rewind a session."""
    return await _answer(req, http.messages.clear)


@app.route("chat/sessions/{session_id}/messages/{message_id}", methods=["GET"])
async def read_message(req: func.HttpRequest) -> func.HttpResponse:
    """Read a message."""
    return await _answer(req, http.messages.read)


@app.route("chat/sessions/{session_id}/messages/{message_id}", methods=["PATCH"])
async def change_message(req: func.HttpRequest) -> func.HttpResponse:
    """Give a message feedback or metadata."""
    return await _answer(req, http.messages.change)


@app.route("chat/sessions/{session_id}/messages/{message_id}", methods=["DELETE"])
async def redact_message(req: func.HttpRequest) -> func.HttpResponse:
    """Redact a message."""
    return await _answer(req, http.messages.redact)


@app.route("chat/messages", methods=["POST"])
async def append_anywhere(req: func.HttpRequest) -> func.HttpResponse:
    """Append messages to a session that is made if need be."""
    return await _answer(req, http.messages.append_anywhere)


@app.route("chat/stats", methods=["GET"])
async def owner_stats(req: func.HttpRequest) -> func.HttpResponse:
    """Count everything the owner has."""
    return await _answer(req, http.operations.stats)


@app.route("chat/search", methods=["GET"])
async def search_messages(req: func.HttpRequest) -> func.HttpResponse:
    """Search messages."""
    return await _answer(req, http.search.search)


@app.route("chat/export", methods=["GET"])
async def export_owner(req: func.HttpRequest) -> func.HttpResponse:
    """Export everything the owner has."""
    return await _answer(req, http.exports.export_owner)


@app.route("chat/data", methods=["DELETE"])
async def erase_owner(req: func.HttpRequest) -> func.HttpResponse:
    """Erase everything the owner has."""
    return await _answer(req, http.operations.erase)


@app.route("health", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Tell whether the store answers."""
    return await _answer(req, http.operations.health)


@app.route("openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Describe this API in OpenAPI."""
    return await _answer(req, http.docs.openapi)


@app.route("docs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def docs_page(req: func.HttpRequest) -> func.HttpResponse:
    """Read and try this API."""
    return await _answer(req, http.docs.page)


@app.route("docs/{file}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def docs_file(req: func.HttpRequest) -> func.HttpResponse:
    """Return a file of that page."""
    return await _answer(req, http.docs.file)


# From here to the timer: the routes of the systems that Parley replaces, for their clients; docs/moving-in.md


@app.route("chat/history", methods=["GET"])
async def latest_history(req: func.HttpRequest) -> func.HttpResponse:
    """Read the latest chat, or the one named."""
    return await _answer(req, http.history.latest)


@app.route("chat/message", methods=["POST"])
async def send_message(req: func.HttpRequest) -> func.HttpResponse:
    """Send a message to the chat named, or to a new one."""
    return await _answer(req, http.history.send)


@app.route("chat", methods=["POST"])
async def ask(req: func.HttpRequest) -> func.HttpResponse:
    """Ask a question in the chat named, or in a new one."""
    return await _answer(req, http.questions.ask)


@app.route("chat/history/{session_id}", methods=["GET"])
async def session_history(req: func.HttpRequest) -> func.HttpResponse:
    """Read all of a chat."""
    return await _answer(req, http.questions.history)


@app.route("chat/load-session", methods=["POST"])
async def load_session(req: func.HttpRequest) -> func.HttpResponse:
    """Load all of a chat."""
    return await _answer(req, http.questions.load)


@app.route("chat/status", methods=["GET"])
async def session_status(req: func.HttpRequest) -> func.HttpResponse:
    """Tell how much was said in a chat, and when."""
    return await _answer(req, http.questions.status)


@app.route("chat/reset", methods=["POST"])
async def reset_session(req: func.HttpRequest) -> func.HttpResponse:
    """Forget what was said in a chat."""
    return await _answer(req, http.questions.reset)


@app.route("unified/{channel}-chat", methods=["POST"])
async def say_in_channel(req: func.HttpRequest) -> func.HttpResponse:
    """Say something in a channel's chat."""
    return await _answer(req, http.channels.say)


@app.route("unified/get-{channel}-chat/{session_id}", methods=["GET"])
async def read_channel_chat(req: func.HttpRequest) -> func.HttpResponse:
    """Read a channel's chat."""
    return await _answer(req, http.channels.read)


@app.route("unified/clear-{channel}-chat/{session_id}", methods=["DELETE"])
async def clear_channel_chat(req: func.HttpRequest) -> func.HttpResponse:
    """Clear a channel's chat."""
    return await _answer(req, http.channels.clear)


@app.timer_trigger("timer", settings.archive_schedule, run_on_startup=False, use_monitor=True)
async def archive_idle_sessions(timer: func.TimerRequest) -> None:
    """Archive what has gone quiet."""
    from shared import archival  # noqa: PLC0415 - as the handlers: when it is first used

    await archival.tick(chat.store, archival.Plan.of(settings), past_due=timer.past_due)

"""Parley's functions: every route and timer is found here, and what each of them calls."""

import gc

gc.disable()  # nothing that is being imported is garbage: looking for it took 13 % of a cold start (measured)

import azure.functions as func

from shared.http.boundary import respond
from shared.http.endpoint import Route
from shared.http.streaming import let_the_host_stream
from shared.logs import begin, quieten
from shared.service import ChatService
from shared.settings import load_settings
from shared.store import open_store

quieten()
settings = load_settings()
begin(instance=settings.instance, store=settings.store, settings=settings.given)
let_the_host_stream(settings)
trusted = settings.user_identity == "trusted"
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION if trusted else func.AuthLevel.ANONYMOUS)
chat = ChatService(open_store(settings), settings)
routes: list[Route] = []


async def close() -> None:
    """Let go of everything, where a host says when it ends."""
    await chat.close()


gc.freeze()  # else enabling it looks through all of it at once
gc.enable()


def route(name: str, methods: str, path: str, handler: str, *, is_open: bool = False) -> None:
    """Register a function of this name that answers these methods of a route, several divided by a space.

    `handler` is imported at its first request: all of them took a tenth of a cold start (measured). An open route needs
    neither a key nor an owner.
    """
    declared = Route(name, methods.split(), path, handler, is_open)

    async def answer(req: func.HttpRequest) -> func.HttpResponse:
        return await respond(req, chat, declared.endpoint, route=name)

    answer.__name__ = answer.__qualname__ = name
    app.route(path, methods=declared.methods, auth_level=func.AuthLevel.ANONYMOUS if is_open else None)(answer)
    routes.append(declared)


route("create_session", "POST", "chat/sessions", "sessions.create")
route("list_sessions", "GET", "chat/sessions", "sessions.list_all")
route("read_session", "GET", "chat/sessions/{session_id}", "sessions.read")
route("change_session", "PATCH PUT", "chat/sessions/{session_id}", "sessions.change")
route("delete_session", "DELETE", "chat/sessions/{session_id}", "sessions.delete")
route("archive_session", "POST", "chat/sessions/{session_id}/archive", "sessions.archive")
route("restore_session", "POST", "chat/sessions/{session_id}/restore", "sessions.restore")
route("session_stats", "GET", "chat/sessions/{session_id}/stats", "sessions.stats")
route("export_session", "GET", "chat/sessions/{session_id}/export", "exports.export_session")
route("fork_session", "POST", "chat/sessions/{session_id}/fork", "sessions.fork")
route("share_session", "POST", "chat/sessions/{session_id}/share", "shares.create")
route("list_shares", "GET", "chat/sessions/{session_id}/share", "shares.list_all")
route("revoke_share", "DELETE", "chat/sessions/{session_id}/share/{share_id}", "shares.revoke")
route("view_share", "GET", "shared/{token}", "shares.view", is_open=True)
route("append_messages", "POST", "chat/sessions/{session_id}/messages", "messages.append")
route("list_messages", "GET", "chat/sessions/{session_id}/messages", "messages.list_all")
route("replace_tail", "PUT", "chat/sessions/{session_id}/messages", "messages.replace_tail")
route("clear_messages", "DELETE", "chat/sessions/{session_id}/messages", "messages.clear")
route("read_message", "GET", "chat/sessions/{session_id}/messages/{message_id}", "messages.read")
route("change_message", "PATCH", "chat/sessions/{session_id}/messages/{message_id}", "messages.change")
route("replace_message", "PUT", "chat/sessions/{session_id}/messages/{message_id}", "messages.replace")
route("redact_message", "DELETE", "chat/sessions/{session_id}/messages/{message_id}", "messages.redact")
route("take_turn", "POST", "chat/sessions/{session_id}/turns", "turns.take")
route("look_at_turn", "GET", "chat/sessions/{session_id}/turns/{message_id}", "turns.look")
route("stop_turn", "DELETE", "chat/sessions/{session_id}/turns/{message_id}", "turns.stop")
route("regenerate_reply", "POST", "chat/sessions/{session_id}/turns/{message_id}/regenerate", "turns.regenerate")
route("take_turn_anywhere", "POST", "chat/turns", "turns.take_anywhere")
route("append_anywhere", "POST", "chat/messages", "messages.append_anywhere")
route("owner_stats", "GET", "chat/stats", "operations.stats")
route("search_messages", "GET", "chat/search", "search.search")
route("export_owner", "GET", "chat/export", "exports.export_owner")
route("erase_owner", "DELETE", "chat/data", "operations.erase")
route("health", "GET HEAD", "health", "operations.health", is_open=True)
route("openapi", "GET", "openapi.json", "docs.openapi", is_open=True)
route("docs_page", "GET", "docs", "docs.page", is_open=True)
route("docs_file", "GET", "docs/{file}", "docs.file", is_open=True)
route("app_page", "GET", "app", "app.page", is_open=True)
route("app_file", "GET", "app/{file}", "app.file", is_open=True)
route("share_page", "GET", "shared/{token}/view", "app.share_page", is_open=True)

# From here to the timer: the routes of the systems that Parley replaces, for their clients; docs/moving-in.md
route("latest_history", "GET", "chat/history", "legacy.history.latest")
route("send_message", "POST", "chat/message", "legacy.history.send")
route("ask", "POST", "chat", "legacy.questions.ask")
route("session_history", "GET", "chat/history/{session_id}", "legacy.questions.history")
route("load_session", "POST", "chat/load-session", "legacy.questions.load")
route("session_status", "GET", "chat/status", "legacy.questions.status")
route("reset_session", "POST", "chat/reset", "legacy.questions.reset")
route("say_in_channel", "POST", "unified/{channel}-chat", "legacy.channels.say")
route("read_channel_chat", "GET", "unified/get-{channel}-chat/{session_id}", "legacy.channels.read")
route("clear_channel_chat", "DELETE", "unified/clear-{channel}-chat/{session_id}", "legacy.channels.clear")


@app.timer_trigger("timer", settings.archive_schedule, run_on_startup=False, use_monitor=True)
async def archive_idle_sessions(timer: func.TimerRequest) -> None:
    """Archive what has gone quiet."""
    from shared import archival  # noqa: PLC0415 - a cold start that answers a request needs none of it

    await archival.tick(chat.store, archival.Plan.of(settings), past_due=timer.past_due)

"""What was imported from the earlier systems goes on under the clients that keep their calls."""

import json
import os
import subprocess
import sys
from pathlib import Path

from parley_client import AsyncParley, ConversationManager, DatabaseService, Parley

from tests.clients.conftest import contents
from tests.clients.server import serving
from tests.clients.test_conversation_manager import DOCUMENT
from tests.clients.test_database_service import NEW_FORMAT
from tests.e2e.process import ROOT


def imported(source: str, document: object, data: Path) -> None:
    """Import a document of an earlier system into a data file."""
    subprocess.run(
        [sys.executable, "-m", "shared.migrate", source, "-"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "STORE": "sqlite", "SQLITE_PATH": str(data)},
        input=json.dumps(document),
        text=True,
        check=True,
        capture_output=True,
    )


def test_an_imported_conversation_goes_on_where_it_was(tmp_path: Path) -> None:
    data = tmp_path / "parley.db"
    document = {**DOCUMENT, "id": "conversation 1/2", "messages": [*DOCUMENT["messages"]]}
    imported("conversations", document, data)
    customer = str(DOCUMENT["customer_id"])

    with serving(SQLITE_PATH=str(data)) as url, Parley(url) as parley, ConversationManager(parley) as manager:
        manager.add_message_to_conversation(document, "user", "and now")
        saved = manager.save_conversation(document)
        found = manager.get_conversation("conversation 1/2", customer)
        recent = manager.get_recent_conversations(customer)

    assert saved is True
    assert found
    assert contents(found["messages"]) == ["user message content", "assistant response", "and now"]
    assert (found["id"], found["session_id"]) == ("conversation 1/2", "streamlit_session_id")
    assert recent == [found]


async def test_imported_conversation_logs_go_on_where_they_were(tmp_path: Path) -> None:
    data = tmp_path / "parley.db"
    imported("conversation-logs", {"session_id": "pitch 1", "messages": NEW_FORMAT}, data)

    with serving(SQLITE_PATH=str(data)) as url:
        async with AsyncParley(url) as parley:
            service = DatabaseService(parley)
            await service.log_conversation({"session_id": "pitch 1", "message_type": "ai", "content": "and now"})
            found = await service.get_conversation_logs("pitch 1")
            stats = await service.get_conversation_stats("pitch 1")

    assert contents(found) == ["Hello", "Hi there!", "and now"]
    assert [message["message_type"] for message in found] == ["user", "ai", "ai"]
    assert [message["persona"] for message in found] == [None, "investor", None]
    assert (stats["user_messages"], stats["ai_messages"]) == (1, 2)

"""Speaks to Parley: a small client, synchronous and asynchronous, and the interfaces of two earlier systems."""

from parley_client.aio import AsyncParley
from parley_client.client import Parley
from parley_client.conversation_manager import ConversationManager
from parley_client.database_service import DatabaseService
from parley_client.errors import ParleyError, UnavailableError
from parley_client.exchange import Patience
from parley_client.names import session_id_for

__all__ = [
    "AsyncParley",
    "ConversationManager",
    "DatabaseService",
    "Parley",
    "ParleyError",
    "Patience",
    "UnavailableError",
    "session_id_for",
]

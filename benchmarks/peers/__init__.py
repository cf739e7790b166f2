"""How others keep a chat's history in Cosmos DB: one small module each, and Parley among them."""

from benchmarks.peers.agent_framework import AgentFramework
from benchmarks.peers.build import BuildBefore, ThisBuild
from benchmarks.peers.langchain import LangChain
from benchmarks.peers.message_documents import MessageDocuments
from benchmarks.peers.parley import Parley
from benchmarks.peers.peer import Chatting, Peer, Place
from benchmarks.peers.single_document import SingleDocument

NEIGHBOURS: tuple[type[Peer], ...] = (LangChain, SingleDocument, AgentFramework, MessageDocuments)

CHATTING: tuple[type[Chatting], ...] = (ThisBuild, BuildBefore, MessageDocuments, SingleDocument, LangChain)

__all__ = [
    "CHATTING",
    "NEIGHBOURS",
    "AgentFramework",
    "BuildBefore",
    "Chatting",
    "LangChain",
    "MessageDocuments",
    "Parley",
    "Peer",
    "Place",
    "SingleDocument",
    "ThisBuild",
]

"""What the earlier systems export: the same chats in each one's shape, with what goes wrong in such files."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.models import utc_now

from .chats import BEGIN, Chat, Said, chats
from .shapes import aoai_documents, langchain_document, postgres_rows, search_demo_documents

BROKEN = ["not json at all", '{"session_id": "cut o', "[1, 2]", '"text"', "NaN"]


@dataclass
class Export:
    """A file to import, and what has to come of it."""

    source: str
    lines: list[str]
    histories: Counter  # of (owner, ((role, content), …)): how often each is to be found
    set_aside: int = 0
    repeated: int = 0
    expired_messages: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Return the file."""
        return "\n".join(self.lines) + "\n"


@dataclass
class System:
    """One earlier system: its name, and what exports `count` chats of it."""

    source: str
    export: Callable[..., Export]


def one_owner(owner: str, made: list[Chat]) -> list[Chat]:
    """Give all chats to one owner, under ids that stay apart."""
    for number, chat in enumerate(made):
        chat.owner = owner
        chat.id = f"{chat.id}.{number}" if chat.id == "session_of_two_users" else chat.id
    return made


def export(source: str, made: list[Chat], documents: list[list[dict]], **more: Any) -> Export:
    """Return a file of each chat's documents, mixed with one another, with repeats and broken lines."""
    chance = random.Random(7)  # noqa: S311 - the same every time
    queues = [list(of_chat) for of_chat in documents if of_chat]
    lines: list[str] = []
    repeated = 0
    while queues:
        queue = chance.choice(queues)
        lines.append(json.dumps(queue.pop(0), ensure_ascii=chance.random() < 0.5))
        if chance.random() < 0.01 and more.get("repeats", True):
            lines.append(lines[-1])
            repeated += 1
        if not queue:
            queues.remove(queue)
    for broken in BROKEN:
        lines.insert(chance.randint(0, len(lines)), broken)
    more.pop("repeats", None)
    histories = Counter((chat.owner, tuple(chat.expected())) for chat in made)
    return Export(source, lines, histories, set_aside=len(BROKEN), repeated=repeated, **more)


def object_id(chat: int, said: Said) -> str:
    """Return an ObjectId that was made when the message was."""
    return f"{int(said.at.timestamp()):08x}{chat:08x}{said.number:08x}"


def iso(said: Said, zone: str = "Z") -> str:
    """Write a message's time."""
    return said.at.isoformat().replace("+00:00", zone)


def log_document(chat: Chat, said: Said, number: int) -> dict:
    """Return a message as 000 had it first."""
    written = [{"$date": iso(said)}, {"$date": {"$numberLong": str(round(said.at.timestamp() * 1000))}}, iso(said, "")]
    return {
        "_id": {"$oid": object_id(number, said)},
        "session_id": chat.id,
        "timestamp": written[said.number % 3],
        "message_type": said.role,
        "content": said.content,
        "persona": "investor" if said.number % 2 else None,
        **said.fields,
    }


def old_logs(owner: str, count: int, long: int = 0) -> Export:
    """Export 000 as it was: one document a message."""
    made = one_owner(owner, chats(owner, count, long=long)[1:])
    documents = [[log_document(chat, said, number) for said in chat.said] for number, chat in enumerate(made)]
    return export("conversation-logs", made, documents, options={"user_id": owner})


def new_logs(owner: str, count: int, long: int = 0) -> Export:
    """Export 000 as it is: one document a session; some messages have lost their time."""
    made = one_owner(owner, chats(owner, count, long=long))
    documents = []
    for number, chat in enumerate(made):
        said = [_without(log_document(chat, said, number), "_id", "session_id") for said in chat.said]
        for earlier, later, document in zip(chat.said, chat.said[1:], said[1:], strict=False):
            if later.number % 7 == 6:
                later.at = earlier.at
                document["timestamp"] = None
        times = {"created_at": {"$date": "2024-01-01T10:00:00Z"}, "updated_at": None}
        documents.append([{"_id": {"$oid": f"{number:024x}"}, "session_id": chat.id, **times, "messages": said}])
    return export("conversation-logs", made, documents, options={"user_id": owner})


def message_document(chat: Chat, said: Said) -> dict:
    """Return a message as 001 has it inside a session."""
    return {
        "id": f"msg_{said.number}" if said.number % 5 else f"msg {said.number}",
        "content": said.content,
        "message_type": said.role,
        "user_id": chat.owner,
        "metadata": said.fields if said.number % 3 else None,
        "created_at": iso(said, "+00:00" if said.number % 2 else ""),
    }


def chat_messages(owner: str, count: int, long: int = 0) -> Export:
    """Export 001 half-way through its own migration: single messages, sessions of messages, some as both."""
    made = chats(owner, count, long=long)
    documents, both = [], 0
    for number, chat in enumerate(made):
        single = [{**message_document(chat, said), "session_id": chat.id, "_ts": 1_704_103_200} for said in chat.said]
        session = {
            "id": chat.id,
            "user_id": chat.owner,
            "session_name": f"Chat {number}",
            "created_at": "2024-01-01T10:00:00Z",
            "is_active": number % 2 == 0,
            "context": {},
            "messages": [message_document(chat, said) for said in chat.said],
            "message_count": len(chat.said),
        }
        kind = number % 3
        documents.append(single if kind == 1 else [session] if kind == 0 else [session, *single])
        both += len(single) if kind == 2 else 0
        if not documents[-1]:
            documents[-1] = [session]
    result = export("chat-messages", made, documents)
    result.repeated += both
    return result


def ttl_chat(owner: str, count: int, long: int = 0) -> Export:
    """Export 003, part of which has ended by now."""
    now = utc_now().replace(microsecond=0)
    made = chats(owner, count, long=long, begin=now - timedelta(hours=30))[1:]
    soon = now - timedelta(days=1), now - timedelta(hours=23)  # what ends while the test runs would tell nothing
    made = [chat for chat in made if not soon[0] < chat.said[-1].at < soon[1]]
    documents = []
    for number, chat in enumerate(made):
        documents.append(
            [
                {
                    "_id": {"$oid": object_id(number, said)},
                    "session_id": chat.id,
                    "user_id": chat.owner,
                    "role": said.role,
                    "content": said.content,
                    "created_at": {"$date": iso(said)},
                }
                for said in chat.said
            ]
        )
    total = sum(len(chat.said) for chat in made)
    for chat in made:
        chat.said = [said for said in chat.said if said.at > now - timedelta(days=1)]
    result = export("ttl-chat", [chat for chat in made if chat.said], documents)
    result.expired_messages = total - sum(len(chat.said) for chat in made)
    result.options = {"channel": "scriptwriter", "now": now}
    return result


def conversations(owner: str, count: int, long: int = 0) -> Export:
    """Export 004."""
    made = chats(owner, count, long=long)
    documents = [
        [
            {
                "id": chat.id,
                "customer_id": chat.owner,
                "session_id": f"streamlit {number}",
                "created_at": "2024-01-01T10:00:00Z",
                "updated_at": "2024-01-01T10:00:00Z",
                "messages": [
                    {"role": said.role, "content": said.content, "timestamp": iso(said)} for said in chat.said
                ],
                "_rid": "x==",
                "_etag": '"1"',
                "_ts": 1_704_103_200,
            }
        ]
        for number, chat in enumerate(made)
    ]
    return export("conversations", made, documents)


def parley(owner: str, count: int, long: int = 0) -> Export:
    """Export Parley itself: roles are its own, ids keep its grammar, numbers may begin late."""
    made = chats(owner, count, long=long)
    documents = []
    for number, chat in enumerate(made):
        chat.id = f"session-{number}"
        for said in chat.said:
            said.role, said.content = said.expected()
        documents.append(parley_lines(chat, first_seq=1 + number % 3))
    return export("parley", made, documents)


def parley_lines(chat: Chat, first_seq: int) -> list[dict]:
    """Return the lines of a session as Parley exports them."""
    first, last = (chat.said[0].at, chat.said[-1].at) if chat.said else (BEGIN, BEGIN)
    times = {"created_at": first.isoformat(), "updated_at": last.isoformat(), "last_activity_at": last.isoformat()}
    session = {"type": "session", "id": chat.id, "user_id": chat.owner, "session_name": "Über 🙂", "channel": "web"}
    session |= {"status": "active", "is_active": True, "context": {"k": [1.5]}, "tags": ["t"], "pinned": False, **times}
    session |= {"message_count": len(chat.said), "ttl_seconds": 86_400, "expires_at": None, "archived_at": None}
    lines = [session]
    for seq, said in enumerate(chat.said, first_seq):
        message = {"type": "message", "session_id": chat.id, "id": f"m:{said.number}", "seq": seq, "role": said.role}
        message |= {"message_type": said.role, "content": said.content, "created_at": iso(said), "user_id": chat.owner}
        lines.append(message | {"metadata": said.fields, "feedback": {"rating": "up"} if seq % 2 else None})
    return lines


def postgres(owner: str, count: int, long: int = 0) -> Export:
    """Export 002 as rows in JSON."""
    made = one_owner(owner, chats(owner, count, long=long))
    rows = [postgres_rows(chat, number) for number, chat in enumerate(made)]
    return export("postgres", made, rows, options={"user_id": owner})


def langchain(owner: str, count: int, long: int = 0) -> Export:
    """Export LangChain's histories."""
    made = chats(owner, count, long=long)
    return export("langchain", made, [[langchain_document(chat)] for chat in made])


def aoai_sample(owner: str, count: int, long: int = 0) -> Export:
    """Export sample-app-aoai-chatGPT's container."""
    made = chats(owner, count, long=long)
    return export("aoai-sample", made, [aoai_documents(chat, number) for number, chat in enumerate(made)])


def search_demo(owner: str, count: int, long: int = 0) -> Export:
    """Export azure-search-openai-demo's container."""
    made = chats(owner, count, long=long)
    return export("search-demo", made, [search_demo_documents(chat, number) for number, chat in enumerate(made)])


def _without(document: dict, *names: str) -> dict:
    return {name: value for name, value in document.items() if name not in names}


SYSTEMS = {
    "old conversation-logs": old_logs,
    "new conversation-logs": new_logs,
    "chat-messages": chat_messages,
    "ttl-chat": ttl_chat,
    "conversations": conversations,
    "parley": parley,
    "postgres": postgres,
    "langchain": langchain,
    "aoai-sample": aoai_sample,
    "search-demo": search_demo,
}

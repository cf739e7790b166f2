"""One chat as further systems have it: the documents and rows, without what goes wrong in files of them."""

from .chats import BEGIN, Chat, Said

LANGCHAIN_TYPES = {"user": "human", "assistant": "ai", "bot": "AIMessageChunk"}
RESPONSE = {"context": {"data_points": {"text": ["a.pdf: …"]}, "thoughts": [], "followup_questions": None}}


def postgres_rows(chat: Chat, number: int) -> list[dict]:
    """Return the rows of 002 as row_to_json writes them, the newest message first; some chats have lost their own."""
    for said in chat.said:
        said.content = said.content and said.content.replace("\0", "")  # which no PostgreSQL text can hold
    times = {"created_at": "2024-01-01T10:00:00", "updated_at": "2024-01-02T10:00:00.12"}
    session = {"id": number, "session_id": chat.id, **times, "is_active": number % 3 != 2}
    messages = [_postgres_message(chat, said, number) for said in reversed(chat.said)]
    return [session, *messages] if number % 7 != 6 or not messages else messages


def _postgres_message(chat: Chat, said: Said, number: int) -> dict:
    zone = "+00:00" if said.number % 2 else ""
    return {
        "id": said.number,
        "session_id": chat.id,
        "message_id": f"{number}-{said.number}",
        "role": said.role,
        "content": said.content,
        "timestamp": said.at.isoformat().replace("+00:00", zone),
        "audio_files": [{"path": f"{said.number}.mp3"}] if said.number % 3 else None,
        "function_calls": [{"name": "look_up", "arguments": {"q": "ü"}}] if said.number % 5 == 1 else None,
        "metadata": said.fields if said.number % 4 else None,
    }


def langchain_document(chat: Chat) -> dict:
    """Return the one document of a session; nothing in it has a time, so that only the order tells."""
    for said in chat.said:
        said.at = BEGIN
    messages = [_langchain_message(said) for said in chat.said]
    return {"id": chat.id, "user_id": chat.owner, "messages": messages, "_etag": '"1"', "_ts": 1_704_103_200}


def _langchain_message(said: Said) -> dict:
    kind = LANGCHAIN_TYPES.get(said.role, said.role)
    data = {"content": said.content, "additional_kwargs": {}, "response_metadata": said.fields, "type": kind}
    data |= {"name": "n" if said.number % 3 else None, "id": f"run--{said.number}" if said.number % 2 else None}
    if kind in {"ai", "AIMessageChunk"}:
        data |= {"tool_calls": [], "invalid_tool_calls": [], "usage_metadata": None}
    if said.role == "narrator":
        return {"type": "chat", "data": data | {"type": "chat", "role": "narrator"}}
    return {"type": kind, "data": data}


def aoai_documents(chat: Chat, number: int) -> list[dict]:
    """Return a conversation's document, which some chats have lost, and one for each message, the newest first."""
    times = {"createdAt": "2024-01-01T10:00:00.000001", "updatedAt": "2024-01-01T10:00:00.000002"}
    own = {"id": chat.id, "type": "conversation", "userId": chat.owner, "title": f"Über {number}", **times}
    messages = [_aoai_message(chat, said, number) for said in chat.said]
    messages.sort(key=lambda document: document["createdAt"], reverse=True)  # of a tie the first stays the first
    return [own, *messages] if number % 7 != 6 or not messages else messages


def _aoai_message(chat: Chat, said: Said, number: int) -> dict:
    written = said.at.replace(tzinfo=None).isoformat(timespec="microseconds")
    return {
        "id": f"{number}-{said.number}",
        "type": "message",
        "userId": chat.owner,
        "conversationId": chat.id,
        "createdAt": written,
        "updatedAt": written,
        "role": said.role,
        "content": said.content,
        "feedback": ["", "positive", "wrong_citation,sexual", "neutral", None][said.number % 5],
    }


def search_demo_documents(chat: Chat, number: int) -> list[dict]:
    """Return a session's document, which some chats have lost, and its pairs, the newest first."""
    pairs = [chat.said[at : at + 2] for at in range(0, len(chat.said), 2)]
    for said in chat.said:
        said.at, said.role = BEGIN, "assistant" if said.number % 2 else "user"
    common = {"session_id": chat.id, "entra_oid": chat.owner, "version": "cosmosdb-v2", "_ts": 1_704_103_200}
    own = {"id": chat.id, "type": "session", "title": f"Über {number}", "timestamp": 1_704_103_200_000, **common}
    documents = [
        {"id": f"{chat.id}-{place}", "type": "message_pair", **_question_and_response(pair), **common}
        for place, pair in enumerate(pairs)
    ]
    return [own, *documents[::-1]] if number % 7 != 6 or not documents else documents[::-1]


def _question_and_response(pair: list[Said]) -> dict:
    if len(pair) == 1:
        return {"question": pair[0].content, "response": None}
    message = {"content": pair[1].content, "role": "assistant"}
    response = {"message": message, "delta": message, **RESPONSE, "session_state": None}
    return {"question": pair[0].content, "response": response}

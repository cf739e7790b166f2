"""The handler that finds messages by what they say."""

from shared.http.boundary import Answer
from shared.http.call import Call
from shared.http.cursors import decode_cursor, encode_cursor
from shared.http.problems import BadRequestError
from shared.models import CHANNEL, SESSION_ID, Found, JsonObject, SearchPlace, SearchQuery
from shared.text import snippet, spoken

MAX_QUERY_CHARACTERS = 200


async def search(call: Call) -> Answer:
    """Return messages of the owner that hold a text."""
    owner = call.owner
    query = _query(call)
    binding = (owner, "search", query.model_dump(mode="json", exclude={"limit"}))
    cursor = call.query.one("cursor")
    after = decode_cursor(cursor, SearchPlace, *binding) if cursor else None
    page = await call.chat.store.search(owner, query, after)
    next_cursor = encode_cursor(page.next_place, *binding) if page.next_place else None
    data = [_hit(found, query.text) for found in page.hits]
    return Answer({"data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor})


def _query(call: Call) -> SearchQuery:
    text = call.query.text("q", MAX_QUERY_CHARACTERS)
    if text is None:
        message = f"q, the text to look for, must have 1 to {MAX_QUERY_CHARACTERS} characters."
        raise BadRequestError(message)
    return SearchQuery(
        text=text,
        limit=call.query.number("limit", 1, 100) or 20,
        channel=call.query.matching("channel", CHANNEL),
        role=call.query.role(),
        session_id=call.query.matching("session_id", SESSION_ID),
    )


def _hit(found: Found, text: str) -> JsonObject:
    parts = snippet(text, spoken(found.message.content))
    return {**dict(found), "snippet": parts}

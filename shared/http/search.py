"""The handler that finds messages by what they say."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.http.answers import PAGE, Page
from shared.http.call import Answer, Call
from shared.http.cursors import asked_for, decode_cursor, encode_cursor
from shared.http.endpoint import Endpoint, Reply
from shared.http.query import WHOLE_NUMBER, Cursor, QueryModel
from shared.models import (
    AnyRole,
    Channel,
    Message,
    SearchHit,
    SearchKey,
    SearchQuery,
    SessionId,
    SnippetPart,
    meanings,
)
from shared.text import plain_text, snippet


class TextQuery(QueryModel):
    """What to look for, and where."""

    q: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="The text to look for.")
    channel: Channel | None = Field(default=None, description="Only in this channel.")
    role: AnyRole | None = Field(default=None, description="Only of this role.")
    session_id: SessionId | None = Field(default=None, description="Only in this session.")
    limit: Annotated[int, Field(ge=1, le=100), WHOLE_NUMBER] = Field(default=20, description="How many at most.")
    cursor: Cursor = None


class Hit(TypedDict):
    """A message that holds the text, and a piece of it: the surroundings of the first occurrence."""

    session_id: Annotated[str, meanings.SESSION]
    session_name: Annotated[str | None, meanings.NAME_OF_SESSION]
    message: Annotated[Message, Field(description="The message.")]
    snippet: Annotated[
        list[SnippetPart],
        Field(description="A piece of the message around the first hit, cut into what was sought and what was not."),
    ]


class HitList(Page):
    """Hits, newest session first; a page may be short or empty while `has_more` is true."""

    data: Annotated[list[Hit], PAGE]


@Endpoint(tag="Owner", answers={200: Reply("A page.")})
async def search(call: Call, query: TextQuery) -> Answer[HitList]:
    """Search messages.

    Messages that hold a text (see *Texts are compared*), archived sessions included; newest session first, in it newest
    message first. Sought in is what `content` says, of parts also thoughts, refusals and the answers of tools, and the
    names and arguments of calls, in parts and in `function_calls`, whatever framework wrote them. One answer looks at a
    bounded number of messages: follow `next_cursor` while `has_more` is true, also from a page without hits.
    """
    wanted = SearchQuery(
        text=query.q, limit=query.limit, channel=query.channel, role=query.role, session_id=query.session_id
    )
    binding = (call.owner, "search", asked_for(wanted, but=["limit"]))
    after = decode_cursor(query.cursor, SearchKey, *binding) if query.cursor else None
    page = await call.store.search(call.owner, wanted, after)
    next_cursor = encode_cursor(page.next_key, *binding) if page.next_key else None
    data = [_hit(found, query.q) for found in page.hits]
    return Answer({"data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor})


def _hit(found: SearchHit, text: str) -> Hit:
    return {
        "session_id": found.session_id,
        "session_name": found.session_name,
        "message": found.message,
        "snippet": snippet(text, plain_text(found.message.content, found.message.function_calls)),
    }

"""Finding what messages say: an index of three-letter pieces names candidates, the text itself decides."""

import json

from shared.models import SearchHit, SearchKey, SearchPage, SearchQuery, SessionKey, format_time
from shared.store.rules import message_from
from shared.store.sqlite.database import Transaction
from shared.text import fold

MIN_INDEXED_CHARACTERS = 3  # characters; shorter texts have no trigram, and every message of the owner is looked at

SEARCH = """
SELECT session.id, session.session_name, session.last_activity_at, message.seq, message.document
FROM sessions AS session JOIN messages AS message ON message.user_id = session.user_id
AND message.session_id = session.id
WHERE session.user_id = :user_id AND (session.expires_at IS NULL OR session.expires_at > :now)
AND (:session_id IS NULL OR session.id = :session_id)
AND (:channel IS NULL OR session.channel = :channel)
AND (:role IS NULL OR message.role = :role)
AND (:phrase IS NULL OR message.number IN (SELECT rowid FROM message_texts WHERE message_texts MATCH :phrase))
AND instr(folded_text(message.document), :text) > 0
AND (:at IS NULL OR (session.last_activity_at, session.id, message.seq) < (:at, :id, :seq))
ORDER BY session.last_activity_at DESC, session.id DESC, message.seq DESC LIMIT :limit
"""


def search(transaction: Transaction, user_id: str, query: SearchQuery, after: SearchKey | None) -> SearchPage:
    """Return a page of hits; see SessionStore.search."""
    folded = fold(query.text)
    indexed = len(folded) >= MIN_INDEXED_CHARACTERS and "\0" not in folded  # which would end the phrase
    rows = transaction.rows(
        SEARCH,
        user_id=user_id,
        now=format_time(transaction.now),
        session_id=query.session_id,
        channel=query.channel,
        role=query.role,
        phrase=_phrase(folded) if indexed else None,
        text=folded,
        at=format_time(after.session.last_activity_at) if after else None,
        id=after.session.id if after else None,
        seq=after.seq if after else None,
        limit=query.limit + 1,
    )
    hits = [
        SearchHit(
            session_id=row["id"],
            session_name=row["session_name"],
            message=message_from(json.loads(row["document"]), row["seq"], user_id),
        )
        for row in rows[: query.limit]
    ]
    if len(rows) <= query.limit:
        return SearchPage(hits=hits)
    last = rows[query.limit - 1]
    key = SessionKey(last_activity_at=last["last_activity_at"], id=last["id"])
    return SearchPage(hits=hits, next_key=SearchKey(session=key, seq=last["seq"]))


def _phrase(text: str) -> str:
    """Quote a text for the index, in which nothing then has a meaning of its own."""
    quoted = text.replace('"', '""')
    return f'"{quoted}"'

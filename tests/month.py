"""A month of somebody's chats: made up, from a seed, and as mixed as real ones are."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.models import ImportedMessage, ImportedSession, JsonObject, Role

CHATS = 60
DAY = timedelta(days=1)
CHANNELS = ("default", "web", "mobile", "voice")
TAGS = ("work", "travel", "recipes", "ünïcode")
TOPICS = {
    "the garden": (
        "When do I plant tomatoes?",
        "After the last frost.",
        "And basil? 🌿",
        "Beside them: it keeps flies away.",
    ),
    "a train to Łódź": ("Welcher Zug fährt zuerst?", "Der um 5:12 Uhr.", "Und zurück nach Łódź?", "Um 23:40, Gleis 7."),
    "sorting in Python": (
        "How do I sort by two keys?",
        "Like this:\n\n```python\nrows.sort(key=lambda row: (row.name, -row.age))\n```",
        "It says `TypeError: bad operand type for unary -: 'str'`",
        "Then sort twice: the sort is stable.",
    ),
    "東京の天気": ("明日の天気は?", "晴れです。", "ありがとう!", "どういたしまして。"),
    "a bill": ('The invoice says "42,00 €" — is that right?', "Yes: 35,29 € + 19 % VAT.", "Thanks.", "You're welcome!"),
}


class Month:
    """The chats of one owner over thirty days that end at `until`."""

    def __init__(self, owner: str, seed: int, until: datetime) -> None:
        """Choose everything by the seed."""
        self._owner, self._seed = owner, random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._begin = until - 30 * DAY

    def chats(self) -> Iterator[tuple[ImportedSession, list[ImportedMessage]]]:
        """Yield sessions with their messages; one is long, some are empty, archived, pinned or were cleared."""
        for number in range(CHATS):
            began = self._begin + self._seed.random() * 28 * DAY
            count = 400 if number == 7 else self._seed.choice((0, 2, 4, 10, 30, 60))
            topic = self._seed.choice(list(TOPICS))
            messages = list(self._messages(number, topic, began, count))
            yield self._session(number, topic, began, messages), messages

    def _session(self, number: int, topic: str, began: datetime, messages: list[ImportedMessage]) -> ImportedSession:
        last = messages[-1].created_at if messages else began
        archived = self._seed.random() < 0.2
        cleared = self._seed.choice((0, 0, 0, 25))
        return ImportedSession(
            id=f"chat-{number:03}",
            user_id=self._owner,
            session_name=self._seed.choice((None, topic, f"About {topic}")),
            channel=self._seed.choice(CHANNELS),
            context=self._seed.choice(({}, {"language": "de", "depth": [1, 2.5, None, True]})),
            tags=sorted(self._seed.sample(TAGS, self._seed.randint(0, 2))),
            pinned=self._seed.random() < 0.1,
            ttl_seconds=self._seed.choice((-1, 7_776_000)),
            created_at=began,
            updated_at=last,
            last_activity_at=last,
            status="archived" if archived else "active",
            archived_at=last if archived else None,
            last_seq=len(messages) + cleared,
        )

    def _messages(self, chat: int, topic: str, began: datetime, count: int) -> Iterator[ImportedMessage]:
        at = began
        for number in range(count):
            at += timedelta(seconds=self._seed.randint(0, 900))
            role: Role = ("user", "assistant")[number % 2]  # type: ignore[assignment]
            yield ImportedMessage(
                id=f"chat-{chat:03}:{number}",
                role=role,
                content=TOPICS[topic][number % 4],
                created_at=at.astimezone(UTC),
                **self._details(role),
            )

    def _details(self, role: Role) -> dict[str, Any]:
        details: JsonObject = {}
        if role == "assistant" and self._seed.random() < 0.2:
            details["feedback"] = {"rating": self._seed.choice(("up", "down"))}
        if role == "assistant" and self._seed.random() < 0.1:
            details["function_calls"] = [{"name": "look_up", "arguments": '{"place": "Łódź"}'}]
        if self._seed.random() < 0.2:
            details["metadata"] = {"model": "small", "tokens": self._seed.randint(1, 999)}
        if role == "user" and self._seed.random() < 0.1:
            details |= {"audio_files": ["https://example.com/a.mp3"], "transcription_confidence": 0.93}
        return details

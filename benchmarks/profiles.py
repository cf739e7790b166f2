"""The sessions that are measured: what their messages, ids and context look like."""

import math
import random
import secrets
from dataclasses import dataclass

from shared.models import MAX_CONTEXT_BYTES, MessageInput, SessionInput, stored_bytes

LEAST_CHARACTERS = 12  # room for the number that tells a text from all others
LONGEST_ID = 64
LONGEST_USER_ID = 128
SENTENCE = "Tell me more about what we said on that day, and why it was left for the week after the next one. "


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of session: length of its texts in characters, size of its context, longest ids or ordinary ones.

    Lengths that spread follow from the message's number alone: every run, and every peer, has the same.
    """

    name: str
    characters: int = 400
    answer_characters: int | None = None  # of the assistant's, where they differ from the user's
    spread: float = 0.0  # sigma of a lognormal distribution whose mean is the length
    context_bytes: int = 0
    longest_ids: bool = False

    def user_id(self) -> str:
        """Return an owner nobody else has."""
        return secrets.token_hex(LONGEST_USER_ID // 2) if self.longest_ids else f"user-{secrets.token_hex(8)}"

    def session(self) -> SessionInput:
        """Return a session to create; without longest ids the service makes its id."""
        session_id = secrets.token_hex(LONGEST_ID // 2) if self.longest_ids else None
        return SessionInput(id=session_id, context=self._context())

    def message(self, number: int) -> MessageInput:
        """Return a message; user and assistant take turns."""
        message_id = secrets.token_hex(LONGEST_ID // 2) if self.longest_ids else None
        return MessageInput(id=message_id, role="user" if number % 2 else "assistant", content=self.text(number))

    def text(self, number: int) -> str:
        """Return a message's text; no two numbers have the same."""
        length = self._length(number)
        return f"{number}: {SENTENCE * (length // len(SENTENCE) + 1)}"[:length]

    def _length(self, number: int) -> int:
        answers = self.answer_characters is not None and number % 2 == 0
        mean = self.answer_characters if answers and self.answer_characters else self.characters
        if not self.spread:
            return mean
        drawn = random.Random(number).lognormvariate(math.log(mean) - self.spread**2 / 2, self.spread)  # noqa: S311 - sizes, no secrets
        return max(LEAST_CHARACTERS, round(drawn))

    def _context(self) -> dict[str, str]:
        if not self.context_bytes:
            return {}
        return {"system_prompt": "x" * (self.context_bytes - stored_bytes({"system_prompt": ""}))}


TYPICAL = Profile("typical")
REAL = Profile("real", characters=400, answer_characters=2_000, spread=0.8)
HEAVY = Profile("heavy", context_bytes=MAX_CONTEXT_BYTES, longest_ids=True)

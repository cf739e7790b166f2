"""The sessions that are measured: what their messages, ids and context look like."""

import secrets
from dataclasses import dataclass

from shared.models import MAX_CONTEXT_BYTES, MessageInput, SessionInput, stored_bytes

LONGEST_ID = 64
LONGEST_USER_ID = 128
SENTENCE = "Tell me more about what we said on that day, and why it was left for the week after the next one. "


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of session: length of its texts in characters, size of its context, longest ids or ordinary ones."""

    name: str
    characters: int = 400
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
        return f"{number}: {SENTENCE * (self.characters // len(SENTENCE) + 1)}"[: self.characters]

    def _context(self) -> dict[str, str]:
        if not self.context_bytes:
            return {}
        return {"system_prompt": "x" * (self.context_bytes - stored_bytes({"system_prompt": ""}))}


TYPICAL = Profile("typical")
HEAVY = Profile("heavy", context_bytes=MAX_CONTEXT_BYTES, longest_ids=True)

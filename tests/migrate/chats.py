"""Chats as people have them, awkward ones among them, for the earlier systems' exports to hold."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2024, 1, 1, 10, tzinfo=UTC)
WORDS = (
    "plan",
    "Grüße",
    "你好",
    "🙂",
    "👩‍👩‍👧",
    'a "quote"',
    "back\\slash",
    "line\nbreak",
    "tab\t",
    "\u202ertl",
    "<b>",
    "\u0000x",
)
PARLEYS = {"ai": "assistant", "bot": "assistant", "human": "user", "function": "tool"}
KNOWN = ("user", "assistant", "system", "developer", "tool")


@dataclass
class Said:
    """One message: as the earlier system has it, and at the time by which it is to be sorted."""

    role: str
    content: str | None
    at: datetime
    number: int = 0
    fields: dict = field(default_factory=dict)

    def expected(self) -> tuple[str, str]:
        """Return role and content as Parley shall have them."""
        role = PARLEYS.get(self.role, self.role)
        return role if role in KNOWN else "system", self.content or ""


@dataclass
class Chat:
    """One conversation of one owner."""

    owner: str
    id: str
    said: list[Said]

    def expected(self) -> list[tuple[str, str]]:
        """Return role and content of each message, in the order Parley shall have them."""
        return [said.expected() for said in sorted(self.said, key=lambda said: said.at)]


def chats(owner: str, count: int, *, seed: int = 1, long: int = 0, begin: datetime = BEGIN) -> list[Chat]:
    """Return this many chats of a few owners; the first is empty, and with `long` the second has that many messages."""
    chance = random.Random(seed)  # noqa: S311 - the same for the same seed
    made = [Chat(_owner(owner, n), f"session_{n}", _talk(chance, chance.randint(1, 12), begin)) for n in range(count)]
    made[0].said = []
    made[1].said = _talk(chance, long or 40, begin)
    made[2].id = made[3].id = "session_of_two_users"
    made[4].id, made[5].id = "has spaces / and ✨", "x" * 65
    made[6].said = [Said("user", "ok", begin, number) for number in range(5)]  # said again and again, at one time
    return made


def _owner(prefix: str, number: int) -> str:
    return f"{prefix}.{number % 5}"


def _talk(chance: random.Random, length: int, begin: datetime) -> list[Said]:
    at = begin + timedelta(seconds=chance.randint(0, 80_000))
    said = []
    for number in range(length):
        at += timedelta(milliseconds=chance.choice([0, 0, 1, 999, 60_000]))  # every second tie or so
        role = chance.choice(["user", "assistant", "system", "ai", "human", "bot", "function", "narrator"])
        content = chance.choice([" ".join(chance.choices(WORDS, k=chance.randint(1, 5))), "", None])
        said.append(Said(role, content, at, number, {"mood": chance.choice([None, 1, ["x", {"y": 2.5}]])}))
    return said

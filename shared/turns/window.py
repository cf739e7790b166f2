"""How much of a session a model is sent: whole turns, newest first, as many as are guessed to fit."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.chat_completions import OpenAIMessage, for_model, roles_for_model
from shared.models import JsonObject, Message, stored_bytes

FIRST_RATE = 0.3  # tokens a byte: English has 0.19, German up to 0.39, digits up to 1 (measured on two vocabularies)
SLOWLY = 0.2  # how far the rate goes towards a lower one; a higher one counts at once
MAX_RATE = 2.0
MOST_MESSAGES = 1_000  # that are read for one
LEAST_BYTES = 64  # of a text that is cut
CUT = "\n[…]\n"  # stands where something was cut out of a text
BYTES_A_MESSAGE = 500  # as many as would fill the window are read at once; where they are shorter, once more


class Window(NamedTuple):
    """What a model is sent of a session's messages: those of these ids, `cut` among them not whole; `size` in bytes."""

    messages: list[OpenAIMessage]
    ids: frozenset[str]
    size: int
    cut: int = 0

    @property
    def sent(self) -> int:
        """How many of the session's messages are sent."""
        return len(self.ids)


class TokenRate:
    """How many tokens a byte takes, as the model itself has counted."""

    def __init__(self) -> None:
        """Begin with a guess."""
        self.tokens_per_byte = FIRST_RATE

    def learn(self, size_bytes: int, tokens: int) -> None:
        """Take what a prompt of that size has taken."""
        if size_bytes <= 0 or tokens <= 0:
            return
        seen = min(tokens / size_bytes, MAX_RATE)
        lower = self.tokens_per_byte + SLOWLY * (seen - self.tokens_per_byte)
        self.tokens_per_byte = max(seen, lower)

    def was_too_low(self) -> None:
        """Guess more: a prompt was longer than it was thought to be."""
        self.tokens_per_byte = min(self.tokens_per_byte * 1.5, MAX_RATE)

    def bytes_for(self, tokens: int) -> int:
        """Return how many bytes are guessed to take that many tokens."""
        return int(tokens / self.tokens_per_byte)


def messages_for(size_bytes: int) -> int:
    """Return how many of the newest messages to read for a window of that size, if they are as long as most."""
    return max(1, min(MOST_MESSAGES, size_bytes // BYTES_A_MESSAGE + 1))


def window(messages: Sequence[Message], size_bytes: int, *, begins_whole: bool = True, may_cut: bool = False) -> Window:
    """Return the newest whole turns of messages, oldest first, that take no more bytes, and the newest in any case.

    Unless it `begins_whole` the first turn is a rest of one, which is left out if there is another. Where the newest
    takes more by itself it may be cut: its longest texts lose their middle.
    """
    chosen: list[_Turn] = []
    size = 0
    for turn in reversed(_whole_turns(messages, begins_whole=begins_whole)):
        if chosen and size + turn.size > size_bytes:
            break
        chosen.insert(0, turn)
        size += turn.size
    flat = [message for turn in chosen for message in turn.messages]
    cut = _cut(flat, size - size_bytes) if may_cut and len(chosen) == 1 else 0
    ids = frozenset(message_id for turn in chosen for message_id in turn.ids)
    return Window(flat, ids, stored_bytes(flat) if cut else size, cut)


def fills(messages: Sequence[Message], size_bytes: int) -> bool:
    """Return whether these, of which there are older ones, are as much as a window of that size takes."""
    turns = _whole_turns(messages, begins_whole=False)
    has_newest = any(map(_begins_turn, messages))
    return has_newest and sum(turn.size for turn in turns) >= size_bytes


def prompt(instructions: str, found: Window) -> list[JsonObject]:
    """Return the messages of a request: the instructions if there are any, then the window."""
    first: list[JsonObject] = [{"role": "system", "content": instructions}] if instructions else []
    return first + [_plain(message) for message in found.messages]


class _Turn(NamedTuple):
    """What a turn is to a model, of which messages, and in how many bytes."""

    messages: list[OpenAIMessage]
    ids: set[str]
    size: int


def _whole_turns(messages: Sequence[Message], *, begins_whole: bool) -> list[_Turn]:
    """Divide messages where a turn begins; calls of tools and their results stay together, whoever brings them."""
    turns: list[list[Message]] = []
    for message in messages:
        if not turns or _begins_turn(message):
            turns.append([])
        turns[-1].append(message)
    is_rest = not begins_whole and len(turns) > 1 and not _begins_turn(turns[0][0])
    return [_written(turn) for turn in turns[is_rest:]]


def _cut(messages: list[OpenAIMessage], excess_bytes: int) -> int:
    """Take so many bytes out of texts, the longest first, and return how many texts that took."""
    cut = 0
    for message in sorted(messages, key=lambda each: stored_bytes(each["content"]), reverse=True):
        content = message["content"]
        if excess_bytes > 0 and isinstance(content, str):
            message["content"] = _shortened(content, excess_bytes)
            cut += message["content"] != content
            excess_bytes -= stored_bytes(content) - stored_bytes(message["content"])
    return cut


def _shortened(text: str, by_bytes: int) -> str:
    """Take the middle out of a text: what is asked often stands at its begin, what it is about goes on to its end."""
    data = text.encode()
    half = max(LEAST_BYTES, len(data) - by_bytes - stored_bytes(CUT)) // 2
    if 2 * half + stored_bytes(CUT) >= len(data):
        return text
    return data[:half].decode(errors="ignore") + CUT + data[-half:].decode(errors="ignore")


def _begins_turn(message: Message) -> bool:
    """Return whether a user speaks, and brings no results of tools, as some frameworks have it."""
    return message.role == "user" and "tool" not in roles_for_model(message)


def _written(turn: Sequence[Message]) -> _Turn:
    """Return a turn as the API takes it, without replies that say nothing."""
    written = for_model(turn)
    said = [(each, turn[place].id) for each, place in zip(written.messages, written.sources, strict=True)]
    messages = [message for message, _ in said if _says_something(message)]
    return _Turn(messages, {source for message, source in said if _says_something(message)}, stored_bytes(messages))


def _says_something(message: OpenAIMessage) -> bool:
    return message["role"] != "assistant" or bool(message["content"] or message.get("tool_calls"))


def _plain(message: OpenAIMessage) -> JsonObject:
    """Return a message for servers that know no developers."""
    role = "system" if message["role"] == "developer" else message["role"]
    return {**message, "role": role}

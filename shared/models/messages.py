"""Messages: to be appended, as stored, and pages of them."""

from typing import Annotated, Literal

from pydantic import Field, computed_field

from shared.models import meanings
from shared.models.exact import as_stored
from shared.models.values import JsonObject, Model, Role, Timestamp, canonical_json


class NewMessage(Model):
    """A message about to be appended: everything but its place in a session."""

    id: Annotated[str, meanings.ID]
    role: Annotated[Role, meanings.ROLE]
    content: Annotated[str | list[JsonObject], meanings.CONTENT]
    created_at: Annotated[Timestamp, meanings.CREATED_AT]
    name: Annotated[str | None, meanings.NAME] = None
    persona: Annotated[str | None, meanings.PERSONA] = None
    audio_files: Annotated[list[str | JsonObject], meanings.AUDIO_FILES] = Field(default=[])
    transcription_confidence: Annotated[float | None, meanings.CONFIDENCE] = None
    function_calls: Annotated[list[str | JsonObject], meanings.FUNCTION_CALLS] = Field(default=[])
    tool_call_id: Annotated[str | None, meanings.TOOL_CALL_ID] = None
    metadata: Annotated[JsonObject, meanings.METADATA] = Field(default={})
    raw: Annotated[str | None, meanings.RAW] = None

    def document(self) -> JsonObject:
        """Return the message as it is stored: what is empty is left out, its place in the session too."""
        return as_stored(self.model_dump(exclude_defaults=True, exclude={"seq", "user_id", "message_type"}))

    def placed(self, seq: int, user_id: str) -> "Message":
        """Return this message at its place in a user's session."""
        return Message.model_validate(self.__dict__ | {"seq": seq, "user_id": user_id})

    def says_the_same(self, other: "NewMessage") -> bool:
        """Return whether a repeat under the same id is the same message to a reader."""
        return all(canonical_json(getattr(self, name)) == canonical_json(getattr(other, name)) for name in FINGERPRINT)


class ImportedMessage(NewMessage):
    """A message as it was elsewhere."""

    feedback: JsonObject | None = None
    edited_at: Timestamp | None = None


REDACTED: JsonObject = {"redacted": True}  # the metadata of a message whose content was taken away
FINGERPRINT = ("role", "content", "name", "function_calls", "tool_call_id")


class Message(NewMessage):
    """A stored message; `seq` counts from 1 in its session, without gaps."""

    seq: Annotated[int, Field(description="The message's number in its session: from 1, without gaps.")]
    user_id: Annotated[str, meanings.OWNER]
    feedback: Annotated[JsonObject | None, meanings.FEEDBACK] = None
    edited_at: Annotated[Timestamp | None, meanings.EDITED_AT] = None

    @computed_field(description=meanings.MESSAGE_TYPE.description)  # type: ignore[prop-decorator]  # as pydantic would have it
    @property
    def message_type(self) -> Role:
        """Repeat the role under the name that the earlier API used."""
        return self.role

    @property
    def is_redacted(self) -> bool:
        """Return whether what it said was taken away; a client may have put the same mark on a message that speaks."""
        return self.metadata.get("redacted") is True and not any((self.content, self.function_calls, self.audio_files))

    def redacted(self) -> "Message":
        """Return the message without anything that anybody said."""
        emptied = {"content": "", "name": None, "persona": None, "feedback": None, "metadata": dict(REDACTED)}
        return self.model_copy(update=emptied | {"audio_files": [], "function_calls": [], "raw": None})

    def replaced_by(self, message: NewMessage) -> "Message":
        """Return another message in the place of this one, under its id and with its feedback."""
        kept = {"id": self.id, "seq": self.seq, "user_id": self.user_id, "feedback": self.feedback}
        times = {"created_at": self.created_at, "edited_at": message.created_at}
        return Message.model_validate(message.__dict__ | kept | times)


class Appended(Model):
    """What an append did: its messages as stored, whether this request stored them, and the session's etag then."""

    messages: list[Message]
    message_count: int
    created: bool
    etag: str


class Edited(Model):
    """A message as an edit has left it, and its session's etag then."""

    message: Message
    etag: str


class MessageQuery(Model):
    """Which messages to read: bounds are exclusive; `page_hint` comes back from the page before."""

    limit: int
    order: Literal["asc", "desc"] = "desc"
    after: int | None = None
    before: int | None = None
    role: Role | None = None
    page_hint: int | None = None

    def after_page(self, page: "MessagePage") -> "MessageQuery | None":
        """Return what to ask for after a page that this query has brought; None when it was the last."""
        if page.next_seq is None:
            return None
        bound = "after" if self.order == "asc" else "before"
        return self.model_copy(update={bound: page.next_seq, "page_hint": page.page_hint})


class MessagePage(Model):
    """Messages in the order asked for; `next_seq` bounds the next page (exclusive) while `has_more`."""

    messages: list[Message]
    has_more: bool = False
    next_seq: int | None = None
    page_hint: int | None = None

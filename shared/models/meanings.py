"""What fields mean that stand in more than one model, said once; the documentation of the API is made of it."""

from pydantic import Field

from shared.models.values import MAX_ATTACHMENT_BYTES, MAX_CONTEXT_BYTES, MAX_METADATA_BYTES, MAX_RAW_BYTES

_TOGETHER = f"At most {MAX_ATTACHMENT_BYTES // 1024} KiB together with the other list."

# of sessions
CHANNEL_NAME = Field(description="Where the chat takes place; a name for filters and for defaults of the time to live.")
CONTEXT = Field(
    description=f"What the application keeps with the session; at most {MAX_CONTEXT_BYTES // 1024} KiB of JSON."
)
IS_ACTIVE = Field(description="Whether the session takes messages. Set it to archive (false) or restore (true).")
MESSAGE_COUNT = Field(description="How many messages the session has.")
NAME_OF_SESSION = Field(description="A name for people.")
NEWEST_AT = Field(description="When the newest message was stored.")
PINNED = Field(description="Pinned sessions are neither archived by the timer nor removed by age.")
SESSION = Field(description="The session's id.")
TAGS = Field(description="Labels to filter by.")
TTL_SECONDS = Field(description="How many seconds after the last write the session is gone; -1 keeps it.")
UPDATED_AT = Field(description="When anything of the session changed last.")

# of messages
UP_TO_SEQ = Field(description="The `seq` of the last message to show; the newest at that moment when it is left out.")
AUDIO_FILES = Field(description=f"Recordings, as URLs or objects. {_TOGETHER}")
CONFIDENCE = Field(description="How sure the transcription of speech was.")
CONTENT = Field(description="A text, or a list of parts: objects with a string `type`.")
EDITED_AT = Field(description="When another message was put in its place last; null while it is as it was stored.")
FEEDBACK = Field(description="What the user thinks of the message.")
FUNCTION_CALLS = Field(description=f"Calls of functions or tools, as strings or objects. {_TOGETHER}")
MESSAGES = Field(description="Messages.")
MESSAGE_TYPE = Field(description="The same as `role`, for clients of the earlier API.")
METADATA = Field(
    description=f"What the application keeps with the message; at most {MAX_METADATA_BYTES // 1024} KiB of JSON."
)
NAME = Field(description="Who or what speaks, for example a tool's name.")
PERSONA = Field(description="The persona the assistant had.")
RAW = Field(
    description=f"A text that the client keeps beside the message, for example a framework's own form of it; at most "
    f"{MAX_RAW_BYTES // 1024} KiB. It is given back as it was sent, and never searched, shared or compared."
)
ROLE = Field(description="Who speaks.")
TOOL_CALL_ID = Field(description="The call that this message answers.")

# of both, and of what is counted
BY_ROLE = Field(description="How many messages each role has.")
CREATED_AT = Field(description="When it was stored: ISO 8601, UTC.")
DURATION = Field(description="From the first to the last message.")
HOW_MANY_MESSAGES = Field(description="How many messages.")
HOW_MANY_SESSIONS = Field(description="How many sessions.")
ID = Field(description="Its name among its owner's sessions, or among its session's messages.")
OWNER = Field(description="The owner.")
USAGE = Field(description="What the model's replies have cost, of the sessions that are there.")

"""What a model is asked beside the history: what the deployment sets, and what a request may."""

from dataclasses import dataclass

from shared.errors import CallerMayNotSetError
from shared.model_settings import ModelSettings
from shared.models import JsonObject, stored_bytes

NEEDS = {"tool_choice": "tools"}  # what allows a field that has another name


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerOptions:
    """What a request sets for its turn; None is as the deployment has it."""

    model: str | None = None
    instructions: str | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    response_format: JsonObject | None = None

    def require_allowed(self, settings: ModelSettings) -> None:
        """Raise CallerMayNotSetError for what the deployment keeps to itself; a shorter reply may always be asked."""
        free = {"max_output_tokens"}
        given = [name for name in self.__slots__ if getattr(self, name) is not None and name not in free]
        refused = [name for name in given if NEEDS.get(name, name) not in settings.caller_may_set]
        if refused:
            raise CallerMayNotSetError(refused)


NO_OPTIONS = CallerOptions()


class ModelRequest:
    """A request to a model without the history: instructions, and fields that go with it."""

    def __init__(self, settings: ModelSettings, options: CallerOptions, channel: str) -> None:
        """Put together what deployment, channel and request say."""
        said = (settings.instructions, settings.channel_instructions.get(channel), options.instructions)
        self.instructions = "\n\n".join(text for text in said if text)
        self.model = options.model or settings.name
        self.max_tokens = min(options.max_output_tokens or settings.max_tokens, settings.max_tokens)
        self.fields: JsonObject = {
            name: value
            for name in ("tools", "tool_choice", "temperature", "response_format")
            if (value := getattr(options, name)) is not None
        }
        self.size = len(self.instructions.encode()) + stored_bytes(self.fields)
        self._max_tokens_field = settings.max_tokens_field

    def body(self, messages: list[JsonObject]) -> JsonObject:
        """Return the whole request, with the messages."""
        return {
            "model": self.model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            self._max_tokens_field: self.max_tokens,
            **self.fields,
        }

"""What clients send to take a turn: what is said, and what is asked of the model beside it."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictInt, StrictStr, model_validator

from shared.models.inputs import MessageBatch, MessageFields, MessageInput, Nothing
from shared.models.values import JsonObject, stored_bytes

MAX_OPTION_BYTES = 64 * 1024
MAX_TOOLS = 128
MAX_INSTRUCTIONS_CHARACTERS = 32_768
WHERE_ALLOWED = "Only where the deployment allows it (`MODEL_CALLER_MAY_SET`), else 403."


def _small(value: object) -> object:
    if stored_bytes(value) > MAX_OPTION_BYTES:
        message = f"must be at most {MAX_OPTION_BYTES} bytes as JSON"
        raise ValueError(message)
    return value


Option = Annotated[JsonObject, AfterValidator(_small)]
Tools = Annotated[list[JsonObject], Field(min_length=1, max_length=MAX_TOOLS), AfterValidator(_small)]


class TurnOptions(Nothing):
    """What a request sets for its turn; all of it is as the deployment has it where it is left out."""

    model: Annotated[StrictStr, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description=f"Another model or deployment of the endpoint. {WHERE_ALLOWED}"
    )
    instructions: Annotated[StrictStr, Field(max_length=MAX_INSTRUCTIONS_CHARACTERS)] | None = Field(
        default=None, description=f"Instructions after those of the deployment and the channel. {WHERE_ALLOWED}"
    )
    tools: Tools | None = Field(
        default=None,
        description=f"Tools that the model may call, as a chat completions API takes them: its calls are the reply's "
        f"`function_calls`, for you to run; send the results as the next turn. {WHERE_ALLOWED}",
    )
    tool_choice: StrictStr | Option | None = Field(
        default=None, description=f"Which of the tools it is to call. {WHERE_ALLOWED}"
    )
    max_output_tokens: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="At most so many tokens in the reply; never more than the deployment allows."
    )
    temperature: Annotated[float, Field(strict=True, ge=0, le=2)] | None = Field(
        default=None, description=f"How freely the model chooses. {WHERE_ALLOWED}"
    )
    response_format: Option | None = Field(
        default=None, description=f"The form of the reply, as a chat completions API takes it. {WHERE_ALLOWED}"
    )


class TurnInput(MessageInput, TurnOptions):
    """One message to say, or none, to have the newest one answered; and what is asked of the model beside it."""

    @property
    def is_silent(self) -> bool:
        """Whether nothing is said."""
        return self.model_fields_set.isdisjoint(MessageInput.model_fields)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if not self.is_silent:
            MessageFields._agrees_with_itself(self)  # type: ignore[operator]  # noqa: SLF001 - its own, which this stands before
        return self


class TurnBatch(MessageBatch, TurnOptions):
    """Up to 200 messages to say, such as the results of tools; and what is asked of the model beside them."""

"""pydantic-ai's messages, in the releases of both environments."""

from typing import Any

from pydantic_ai import BinaryImage, ImageUrl
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.usage import RequestUsage
from typing_extensions import override

from benchmarks.frameworks.side import PICTURE, Side


class Messages(Side):
    """Requests and responses."""

    @override
    def user(self, content: Any) -> ModelMessage:
        return ModelRequest([UserPromptPart(content)])

    @override
    def call(self, name: str, arguments: dict[str, Any]) -> ModelMessage:
        return ModelResponse([ToolCallPart("search", arguments, name)])

    @override
    def result(self, name: str, text: str) -> ModelMessage:
        return ModelRequest([ToolReturnPart("search", text, name)])

    @override
    def answer(self, text: str) -> ModelMessage:
        return ModelResponse([TextPart(text)], usage=RequestUsage(input_tokens=3, output_tokens=4))

    @override
    def picture(self) -> ModelMessage:
        return self.user([BinaryImage.from_data_uri(PICTURE)])

    @override
    def real_turn(self) -> list[ModelMessage]:
        calls = [ToolCallPart(name, {"f": 1.5}, name) for name in ("weather", "clock")]
        return [
            ModelRequest([UserPromptPart(["And?", ImageUrl(url="https://example.com/1.png")])], instructions="x"),
            ModelResponse([ThinkingPart("hm", signature="z"), *calls], provider_details={"logprobs": [0.5]}),
            ModelRequest([ToolReturnPart(call.tool_name, {"sky": "sun"}, call.tool_call_id) for call in calls]),
            self.answer("Sunny."),
        ]

    @override
    def dump(self, message: ModelMessage) -> Any:
        return ModelMessagesTypeAdapter.dump_python([message], mode="json")

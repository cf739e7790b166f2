"""What answers have in common."""

from typing import Annotated

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]  # as format_time writes it
HasMore = Annotated[
    bool, Field(description="Whether another page may hold something: follow `next_cursor`, also from an empty page.")
]
NextCursor = Annotated[
    str | None, Field(description="Send it as `cursor` to go on; null at the end. Opaque, bound to list and owner.")
]
PAGE = Field(description="The page.")


class Page(TypedDict):
    """Where a page leads on."""

    has_more: HasMore
    next_cursor: NextCursor

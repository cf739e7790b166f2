"""Values as JSON has them."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any


def plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a copy that JSON and UTF-8 can carry: times and unknown objects as text, lone surrogates as `?`.

    ValueError for what holds itself.
    """
    text = json.dumps(value, ensure_ascii=False, default=_text)
    return json.loads(text.encode("utf-8", "replace"), parse_constant=str)


def _text(value: object) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else str(value)

"""HTTP: requests in, responses and problem documents out; handlers by resource.

The modules of handlers are attributes of this package that are imported when they are first used: a cold start
waits for no route but the one that is asked for. Should such an import fail, the host answers.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.http import docs, exports, messages, operations, search, sessions, shares
    from shared.http.earlier import channels, history, questions

    __all__ = [
        "channels",
        "docs",
        "exports",
        "history",
        "messages",
        "operations",
        "questions",
        "search",
        "sessions",
        "shares",
    ]

OF_EARLIER_SYSTEMS = {"channels", "history", "questions"}


def __getattr__(name: str) -> ModuleType:
    package = f"{__name__}.earlier" if name in OF_EARLIER_SYSTEMS else __name__
    try:
        return import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{package}.{name}":
            raise
        raise AttributeError(name) from error

"""The files of the page for people: its frame, its style, and its modules and the client they use as one script."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from shared.http.app_page.script import joined
from shared.http.page_files import PageFile, page_file
from shared.http.problems import UnknownFileError

FOLDER = Path(__file__).parent
_FILES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "app.js": ("text/javascript", lambda: joined(FOLDER / "app.js")),
    "style.css": ("text/css", lambda: (FOLDER / "style.css").read_text("utf-8")),
}
FILES = frozenset(_FILES)
"""All that is ever served beside the page itself."""


@cache
def load_page(files: str, identity: str, *, replies: bool) -> PageFile:
    """Return the page itself.

    It knows where its files are, as seen from its address, how people say who they are, and whether a model replies.
    """
    html = (FOLDER / "index.html").read_text("utf-8")
    facts = {"{files}": files, "{identity}": identity, "{replies}": "yes" if replies else "no"}
    for name, value in facts.items():
        html = html.replace(name, value)
    return page_file(html.encode(), "text/html")


@cache
def load(name: str) -> PageFile:
    """Return one of the page's files; raises UnknownFileError for every other name."""
    if name not in _FILES:
        raise UnknownFileError
    media_type, read = _FILES[name]
    return page_file(read().encode(), media_type)

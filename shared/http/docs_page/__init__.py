"""The files of the documentation page: Swagger UI as a package ships it, and the little around it that is Parley's."""

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from shared.http.page_files import PageFile, page_file
from shared.http.problems import UnknownFileError

PACKAGE = "offapi"
PAGE = "index.html"
DOCUMENT = "openapi.json"  # written by `make openapi`


class _Origin(NamedTuple):
    name: str
    media_type: str
    shipped: bool = False  # by the package, not kept beside this module


_PAGE_ORIGIN = _Origin(PAGE, "text/html")
_DOCUMENT_ORIGIN = _Origin(DOCUMENT, "application/json")
_ORIGINS: Mapping[str, _Origin] = {
    "page.js": _Origin("page.js", "text/javascript"),
    "swagger-ui-bundle.js": _Origin("swagger_bundle.js", "text/javascript", shipped=True),
    "swagger-ui.css": _Origin("swagger_style.css", "text/css", shipped=True),
}
FILES = frozenset(_ORIGINS)
"""All that is ever served beside the page itself."""


@cache
def load_page() -> PageFile:
    """Return the page itself; its links are relative to where it is served, whatever stands before that."""
    return _read(_PAGE_ORIGIN)


@cache
def load_document() -> PageFile:
    """Return the OpenAPI document that the page reads."""
    return _read(_DOCUMENT_ORIGIN)


@cache
def load(name: str) -> PageFile:
    """Return one of the page's files; raises UnknownFileError for every other name."""
    if name not in _ORIGINS:
        raise UnknownFileError
    return _read(_ORIGINS[name])


def _read(origin: _Origin) -> PageFile:
    folder = _package_folder() if origin.shipped else Path(__file__).parent
    return page_file((folder / origin.name).read_bytes(), origin.media_type)


def _package_folder() -> Path:
    """Find the package without importing it: its import reads megabytes that nothing here needs."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        message = f"The documentation page needs the package {PACKAGE}, which requirements.txt names."
        raise RuntimeError(message)
    return Path(spec.origin).parent

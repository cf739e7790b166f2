"""The OpenAPI document, rendered from the routes, their endpoints and the models; `make openapi` writes it down.

Only examples and what is said of the API as a whole are written here. The app serves the written document
(`shared/http/docs_page/openapi.json`) and imports nothing of this package.
"""

import json
from collections.abc import Iterable

from shared.http.endpoint import Route
from shared.openapi.document import build_document
from shared.openapi.operations import operations


def written_document(routes: Iterable[Route]) -> str:
    """Return the OpenAPI document of an app's routes as it is kept in a file."""
    return json.dumps(build_document(operations(routes)), indent=1, ensure_ascii=False) + "\n"

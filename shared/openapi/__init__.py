"""The OpenAPI document, made from the route table and the pydantic models; `make openapi` writes it down.

Only what neither of them knows is written here: what an operation is for, what it answers, what else can go wrong.
The app serves the written document (`shared/http/openapi.json`) and imports nothing of this package.
"""

import json

import azure.functions as func

from shared.openapi.document import build_document
from shared.openapi.routes import routes

PREFIX = "api"  # host.json's routePrefix


def written_document(app: func.FunctionApp) -> str:
    """Return the OpenAPI document of an app as it is kept in a file."""
    return json.dumps(build_document(routes(app, PREFIX)), indent=1, ensure_ascii=False) + "\n"

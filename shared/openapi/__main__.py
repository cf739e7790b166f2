"""`python -m shared.openapi`: write the OpenAPI document that the app serves."""

from pathlib import Path

import function_app
from shared.http import docs_page
from shared.openapi import written_document

if __name__ == "__main__":
    target = Path(docs_page.__file__).with_name(docs_page.DOCUMENT)
    target.write_text(written_document(function_app.routes), encoding="utf-8")

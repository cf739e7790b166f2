#!/usr/bin/env bash
# openapi-python-client 0.29.1, OpenAPI 3.1.
#
# Expected: an operation whose request body is optional can be called without one, whatever the body's schema.
# Seen:     so it is where the schema is one object. Where it is one of two (anyOf of two references), the generated
#           signature still offers leaving the body out, and a call that does raises
#           AttributeError: 'Unset' object has no attribute 'to_dict'. Nothing is said while generating.
#
# Installs the pinned package in a temporary folder, generates a client of two operations, and fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openapi-python-client==0.29.1

cat >"$folder/probe.py" <<'PYTHON'
import json
import subprocess
import sys
from pathlib import Path

ONE, MANY = ({"$ref": f"#/components/schemas/{name}"} for name in ("One", "Many"))


def operation(name, schema):
    """Return an operation with an optional body of this schema."""
    body = {"required": False, "content": {"application/json": {"schema": schema}}}
    return {"post": {"operationId": name, "requestBody": body, "responses": {"204": {"description": "Done."}}}}


def schema(field, kind):
    return {"type": "object", "required": [field], "properties": {field: kind}}


document = {
    "openapi": "3.1.0",
    "info": {"title": "Two operations", "version": "1"},
    "paths": {"/of-one": operation("of_one", ONE), "/of-two": operation("of_two", {"anyOf": [ONE, MANY]})},
    "components": {
        "schemas": {
            "One": schema("text", {"type": "string"}),
            "Many": schema("texts", {"type": "array", "items": {"type": "string"}}),
        }
    },
}
Path("document.json").write_text(json.dumps(document))
generator = Path(sys.executable).with_name("openapi-python-client")
arguments = ["generate", "--path", "document.json", "--output-path", "generated", "--meta", "none"]
subprocess.run([generator, *arguments], check=True, capture_output=True)

sys.path.insert(0, ".")
from generated.api.default import of_one, of_two

without = of_one._get_kwargs()
print("of one object, without a body:", without)
assert without["method"] == "post" and "json" not in without
try:
    of_two._get_kwargs()
except AttributeError as error:
    print("of one of two objects, without a body:", error)
    assert str(error) == "'Unset' object has no attribute 'to_dict'"
else:
    raise SystemExit("changed: the body can be left out")
print("as stated")
PYTHON
cd "$folder"
venv/bin/python probe.py

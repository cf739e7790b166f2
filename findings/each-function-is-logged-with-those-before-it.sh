#!/usr/bin/env bash
# azure-functions-runtime 1.3.0, which is what Azure runs Python 3.13's functions with, and azure-functions 2.3.0.
#
# Expected: at each start the line "Successfully indexed function app." tells each function with its own bindings.
# Seen:     each function is told with the bindings of all functions before it too: the list of them is made once
#           and never begun anew. So a function seems to have triggers that it has not, and the line grows with the
#           square of the number of functions: 3 KB of ten, 45 KB of forty with one route each.
#
# Needs Python 3.13 (PYTHON names it). Installs the pinned packages in a temporary folder, and fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.13}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check azure-functions-runtime==1.3.0 azure-functions==2.3.0

cat >"$folder/probe.py" <<'PYTHON'
import importlib.metadata
import json
import logging
import pathlib
import sys
import tempfile
from types import SimpleNamespace

from azure_functions_runtime import handle_event
from azure_functions_runtime.bindings.meta import load_binding_registry

COUNTS = (10, 20, 40)
APP = "import azure.functions as func\n\napp = func.FunctionApp()\n"
FUNCTION = """
@app.function_name("f{0}")
@app.route("r{0}")
def f{0}(req: func.HttpRequest) -> str:
    return ""
"""


class BindingInfo(SimpleNamespace):
    """Stands for the message of that name, which the worker hands in."""

    inout, out, undefined = 2, 1, 0


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def emit(self, record):
        self.kept.append(record.getMessage())


def told_of(count, folder, lines):
    """Return what the line tells of an app with so many functions of one route each."""
    path = pathlib.Path(folder) / f"app_{count}.py"
    path.write_text(APP + "".join(FUNCTION.format(number) for number in range(count)))
    handle_event.index_functions(str(path), folder)
    return json.loads(next(line for line in reversed(lines.kept) if "Successfully indexed" in line))["functions"]


messages = {"BindingInfo": BindingInfo, "RpcFunctionMetadata": SimpleNamespace}
handle_event.protos = SimpleNamespace(**messages)
load_binding_registry()
lines = Lines()
handle_event.logger.addHandler(lines)
handle_event.logger.setLevel(logging.INFO)
print("azure-functions-runtime", importlib.metadata.version("azure-functions-runtime"))
sizes = []
with tempfile.TemporaryDirectory() as folder:
    sys.path.insert(0, folder)
    for count in COUNTS:
        told = told_of(count, folder, lines)
        requests = told.rpartition("Function Name:")[2].count("'req'")
        print(f"{count} functions: {len(told):,} characters; the last is told with {requests} requests")
        if requests != count:
            sys.exit("changed: a function is told with another number of bindings")
        sizes.append(len(told))
for smaller, larger in zip(sizes, sizes[1:]):
    if not 3 < larger / smaller < 4.5:
        sys.exit("changed: twice as many functions take no longer four times as many characters")
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"

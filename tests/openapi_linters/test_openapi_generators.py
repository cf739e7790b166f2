"""Two public generators make clients of the OpenAPI document: of every operation, and with types that hold."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.openapi_linters.programs import DOCUMENT, run

PACKAGE = "generated_client"
OPERATIONS = {
    operation["operationId"]
    for methods in json.loads(DOCUMENT.read_text("utf-8"))["paths"].values()
    for operation in methods.values()
}
# It reads no lines of JSON, whoever writes of them: the operation is there, and its answer is bytes.
LINES_OF_JSON = "WARNING parsing GET /api/chat/export within owner."
# It forgets that a body of two shapes may be left out: who takes a turn has to give one.
OPTIONAL_CHOICE = re.compile(
    r'api/turns/\w+\.py:\d+: error: Item "Unset" of "Turn\w+ \| Unset" has no attribute "to_dict"'
)
USE = """
from generated_client import Client
from generated_client.api.messages import append_messages, list_messages, replace_tail
from generated_client.api.sessions import create_session
from generated_client.models import (
    AppendedMessages, MessageBatchBody, MessageBody, MessageList, MessageTailBody, Session, SessionBody
)

client = Client("https://example.org")
session = create_session.sync(client=client, body=SessionBody(session_name="Trip"))
assert isinstance(session, Session)
hello = MessageBody.from_dict({"role": "user", "content": "Hi"})
appended = append_messages.sync(session.id, client=client, body=hello)
assert isinstance(appended, AppendedMessages)
count: int = appended.message_count
batch = append_messages.sync(session.id, client=client, body=MessageBatchBody(messages=[]))
tail = replace_tail.sync(session.id, client=client, body=MessageTailBody(messages=[]), after=1)
found = list_messages.sync(session.id, client=client, limit=10)
if isinstance(found, MessageList):
    seqs: list[int] = [message.seq for message in found.data]
"""
TYPESCRIPT_USE = """
import type { components, operations } from "./api";

type Body = operations["append_messages"]["requestBody"]["content"]["application/json"];
type Stored = operations["append_messages"]["responses"]["201"]["content"]["application/json"];
export const one: Body = { role: "user", content: [{ type: "text", text: "Hi" }], function_calls: ["f()"] };
export const many: Body = { messages: [{ role: "assistant", content: "Hi", metadata: { a: 1 } }] };
export const made: components["schemas"]["SessionBody"] = { session_name: "Trip", tags: ["x"] };
export const seqs = (stored: Stored): number[] => stored.messages.map((message) => message.seq);
// @ts-expect-error a role that nobody has
export const wrong: Body = { role: "pirate", content: "Hi" };
"""
STRICT = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]

pytestmark = [pytest.mark.slow]


def test_a_python_client_has_every_operation_and_its_types_hold(python_programs: Path, tmp_path: Path) -> None:
    target = tmp_path / PACKAGE
    made = run(
        python_programs / "openapi-python-client", "generate", "--path", DOCUMENT, "--output-path", target,
        "--meta", "none", folder=tmp_path,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr

    assert re.findall(r"WARNING.*|Unable to process.*", made.stdout + made.stderr) == [LINES_OF_JSON]
    modules = {file.stem for file in (target / "api").glob("*/*.py")} - {"__init__"}
    assert {"append_messages", "create_session"} <= OPERATIONS <= modules
    (tmp_path / "use.py").write_text(USE, "utf-8")
    # Its client.py is a template without anything of the document, and does not pass mypy: it is read, not judged.
    checked = run(
        sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", tmp_path / "cache",
        "--config-file", "", "--python-executable", python_programs / "python",
        f"{PACKAGE}/api", f"{PACKAGE}/models", "use.py", folder=tmp_path,
    )  # fmt: skip
    errors = [line for line in checked.stdout.splitlines() if ": error: " in line]
    assert [line for line in errors if not OPTIONAL_CHOICE.search(line)] == [], checked.stdout + checked.stderr
    assert checked.returncode == (1 if errors else 0), checked.stdout + checked.stderr


@pytest.mark.skipif(shutil.which("npm") is None, reason="openapi-typescript needs node and npm on the PATH")
def test_types_for_typescript_have_every_operation_and_hold(node_programs: Path, tmp_path: Path) -> None:
    target = tmp_path / "api.ts"
    made = run(node_programs / "openapi-typescript", DOCUMENT, "--output", target)
    assert made.returncode == 0, made.stdout + made.stderr

    assert {"append_messages", "create_session"} <= OPERATIONS
    assert set(re.findall(r'operations\["(\w+)"\]', target.read_text("utf-8"))) >= OPERATIONS
    (tmp_path / "package.json").write_text(
        "{}", "utf-8"
    )  # else one above this folder says what kind of modules these are
    (tmp_path / "use.ts").write_text(TYPESCRIPT_USE, "utf-8")
    checked = run(node_programs / "tsc", *STRICT, "api.ts", "use.ts", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr

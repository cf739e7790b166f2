"""What the documents print in JavaScript runs as printed."""

import json
import re
from pathlib import Path

import pytest

from tests.builders import an_owner
from tests.clients.javascript.conftest import PACKAGE, run
from tests.e2e.process import ROOT

WRITTEN_FOR = '{ baseUrl: "http://127.0.0.1:7071", userId: "me" }'
MODEL = """
    import { MockLanguageModelV3, simulateReadableStream } from "ai/test";
    const tokens = { total: 1 };
    const usage = { inputTokens: tokens, outputTokens: tokens };
    export const model = new MockLanguageModelV3({ doStream: async ({ prompt }) => ({ stream: simulateReadableStream({
        chunks: [
            { type: "text-start", id: "t" },
            { type: "text-delta", id: "t", delta: `That was number ${prompt.length}.` },
            { type: "text-end", id: "t" },
            { type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage },
        ],
    }) }) });
"""
PAGE = """
    import { POST } from "./sample.js";
    for (const [id, text] of [["u1", "Hello"], ["u2", "And?"]]) {
        const body = JSON.stringify({ id: "any chat", message: { id, role: "user", parts: [{ type: "text", text }] } });
        await (await POST(new Request("http://page.example", { method: "POST", body }))).text();
    }
    const { loadChat } = await import("parley-client/ai-sdk");
    const { Parley } = await import("parley-client");
    for (const { role, parts } of await loadChat(new Parley(CLIENT), "any chat")) console.log(role, parts.at(-1).text);
"""
PAGE_ON_TURNS = """
    import { PageChat } from "./page-chat.js";
    import { chatOf } from "./sample.js";
    const chat = new PageChat(await chatOf("any chat"));
    await chat.sendMessage({ text: "Hi" });
    for (const { role, parts } of (await chatOf("any chat")).messages) console.log(role, parts.at(-1).text);
"""

pytestmark = pytest.mark.slow


def printed(document: Path, heading: str) -> str:
    """Return the code of a section."""
    section = re.search(rf"^#+ {heading}$(.*?)(?=^## |\Z)", document.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert section, f"{document} has no section {heading!r}"
    [code] = re.findall(r"^```js\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    assert code.count(WRITTEN_FOR) == 1
    return str(code)


@pytest.fixture
def client(url: str) -> str:
    """Write options of a client of a user who has nothing yet."""
    return f'{{ baseUrl: "{url}", userId: "{an_owner()}" }}'


def say(project: Path, begin: str, **files: str) -> str:
    """Return what files of code say, begun with one of them."""
    for name, text in files.items():
        (project / f"{name}.js").write_text(text, "utf-8")
    return run("node", f"{begin}.js", cwd=project)


def test_a_route_of_the_ai_sdk(project_with_ai: Path, client: str) -> None:
    code = printed(ROOT / "docs" / "frameworks-javascript.md", "AI SDK").replace(WRITTEN_FOR, client)

    said = say(project_with_ai, "page", sample=code, model=MODEL, page=PAGE.replace("CLIENT", client))

    assert said.splitlines() == [
        "user Hello",
        "assistant That was number 1.",
        "user And?",
        "assistant That was number 3.",
    ]


def test_the_versions_that_the_tests_ran_with_are_told() -> None:
    asked = json.loads((PACKAGE / "package.json").read_text("utf-8"))["devDependencies"]
    versions = [asked[name].rpartition("@")[2] for name in ("ai", "ai-7", "@ai-sdk/react", "ai-sdk-react-7")]

    told = (ROOT / "docs" / "frameworks-javascript.md").read_text("utf-8")
    assert re.findall(r"[0-9]+\.[0-9]+\.[0-9]+", told.partition("(tested with ")[2].partition(")")[0]) == versions


def test_a_page_of_the_ai_sdk_on_turns(project_with_ai: Path, talking_url: str) -> None:
    client = f'{{ baseUrl: "{talking_url}", userId: "{an_owner()}" }}'
    code = printed(ROOT / "docs" / "frameworks-javascript.md", "AI SDK on turns").replace(WRITTEN_FOR, client)
    (project_with_ai / "page-chat.js").write_text((PACKAGE / "test" / "page-chat.js").read_text("utf-8"), "utf-8")

    assert say(project_with_ai, "page", sample=code, page=PAGE_ON_TURNS) == "user Hi\nassistant Hello there.\n"


def test_a_history_of_langchain(project: Path, client: str) -> None:
    code = printed(ROOT / "docs" / "frameworks-javascript.md", "LangChain.js").replace(WRITTEN_FOR, client)

    assert say(project, "sample", sample=code) == "human Hello!\nai Hello, Alice.\n"


def test_a_reply_in_the_projects_readme(project: Path, talking_url: str) -> None:
    client = f'{{ baseUrl: "{talking_url}", userId: "{an_owner()}" }}'
    code = printed(ROOT / "README.md", "A reply in ten lines").replace(WRITTEN_FOR, client)

    assert say(project, "sample", sample=code) == "Hello there."


def test_the_packages_own_readme(project: Path, client: str) -> None:
    code = printed(PACKAGE / "README.md", "parley-client").replace(WRITTEN_FOR, client)

    assert say(project, "sample", sample=code) == "1 Hello!\n"

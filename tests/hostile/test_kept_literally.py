"""Text is text: whatever SQL, JSON or HTML it looks like, it comes back as it was sent and finds only itself."""

from urllib.parse import quote

import pytest

from tests.builders import an_owner
from tests.hostile.state import SESSIONS, Scene
from tests.http.client import Client, a_session, spoken

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.on_both_stores]
TEXTS = [
    "' OR '1'='1", "'; DROP TABLE sessions; --", '" OR c.user_id != "', '"}) OR true --', "\\", "\\'", '\\"', "%",
    "_", "%_%", "*", "[a-z]", "\0", "a\0b", "\r\nSet-Cookie: a=b", "\u2028\u2029", "\u202eevil", "\ufeffa", "\uffff",
    "é", "e\u0301", "ß", "😀", "👩‍👩‍👧", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "%s%n%x",
    "../../etc/passwd", "null", "NaN", "true", "0", "1e999", "@name", "@p1", ":name", "?", "$1", "c.log.messages",
    "SELECT VALUE c FROM c", "/log/messages/-", "~0~1", r"\ud800", "__proto__", "a" * 64, " a ", "\x7f", "\x1b[31m",
    "ﬁ", "İ", "\u0131", "🏴\U000e0067\U000e007f",
]  # fmt: skip
OWNERS = [
    "o'brien", 'say "hi"', "a;b", "' OR '1'='1", '" OR true --', "%", "_", "*", "a=b&c", "null", "[]", '["x"]',
    "@user", "ß", "漢字", "😀", "e\u0301", "é", "a b", "..", ".", "-", "{user}", "$where", "a,b", "<b>", "a~b",
    "x" * 128, "😀" * 128, "\u202ea", "\u00a0",
]  # fmt: skip


@pytest.fixture
def client(scene: Scene) -> Client:
    """Speak for a user who has nothing yet."""
    return scene.owner.speaking_for(an_owner())


@pytest.mark.parametrize("text", TEXTS)
async def test_a_text_comes_back_as_it_was_sent(client: Client, text: str) -> None:
    settings = {"session_name": text, "tags": [text], "context": {text: [text, {text: text}]}}
    said = spoken(
        text, name=text, persona=text, tool_call_id=text, metadata={text: text}, function_calls=[text, {text: 1}]
    )

    session = await a_session(client, **settings)
    path = f"{SESSIONS}/{session['id']}"
    await client.post(
        f"{path}/messages", {"messages": [said, {"role": "user", "content": [{"type": text, text: text}]}]}
    )

    read = (await client.get(path)).json
    assert {name: read[name] for name in settings} == settings
    assert {name: read["messages"][0][name] for name in said} == said
    assert read["messages"][1]["content"] == [{"type": text, text: text}]


@pytest.mark.parametrize("text", TEXTS)
async def test_a_filter_finds_that_text_and_nothing_else(client: Client, text: str) -> None:
    wanted = await a_session(client, session_name=f"say {text} now", tags=[text, "x"])
    await a_session(client, session_name="decoy", tags=["decoy"])
    await a_session(client)

    for query in (f"name=say%20{quote(text)}%20now", f"tag={quote(text)}", f"tag={quote(text)}&tag=x"):
        found = (await client.get(f"{SESSIONS}?{query}")).json["data"]
        assert [session["id"] for session in found] == [wanted["id"]], query


@pytest.mark.parametrize("owner", OWNERS)
async def test_an_owner_is_nobody_else(client: Client, owner: str) -> None:
    unique = f"{owner}{client.user}" if len(owner) < 64 else owner
    named, path = f"user_id={quote(unique, safe='')}", f"{SESSIONS}/mine"
    nobody = client.speaking_for(None)
    session = await a_session(nobody, user_id=unique, id="mine")
    await nobody.post(f"{path}/messages?{named}", spoken("mine", id="m"))
    near = {unique.swapcase(), f"{unique} ", f" {unique}", unique[:-1], str(client.user), f"{unique}%"} - {unique, ""}

    for other in near:
        if len(other) <= 128:
            assert (await nobody.get(f"{path}?user_id={quote(other, safe='')}")).refusal == (404, "session_not_found")
            listed = await nobody.get(f"{SESSIONS}?status=all&user_id={quote(other, safe='')}")
            assert listed.json["data"] == []
    assert session["user_id"] == unique
    assert (await nobody.get(f"{path}?{named}")).json["messages"][0]["user_id"] == unique
    assert (await nobody.delete(f"/api/chat/data?{named}")).json["deleted"] == {"sessions": 1, "messages": 1}

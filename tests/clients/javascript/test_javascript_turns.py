"""Turns through the JavaScript client and a network that cuts them, with a real Parley and a model behind it."""

import json

import pytest

from tests.clients.javascript.conftest import PACKAGE, run
from tests.clients.talking import Model, cutter_before

TAKE_A_TURN = """
    import { Parley } from "parley-client";
    const parley = new Parley({ baseUrl: process.env.PARLEY_URL, userId: "me" });
    const found = { turns: 0, told: "" };
    for await (const { type, data } of parley.takeTurn(null, { role: "user", content: "Slowly" })) {
        if (type === "turn") found.turns += 1;
        if (type === "delta") found.told += data.text;
        if (type === "done") found.stored = data.reply.content;
        if (type === "done") found.said = data.messages.map(({ content }) => content);
    }
    console.log(JSON.stringify(found));
"""

pytestmark = pytest.mark.slow


def test_a_stream_that_is_cut_twice_is_joined_where_it_was_and_paid_once(talking_url: str, model: Model) -> None:
    with cutter_before(talking_url) as cutter:
        cutter.cut_behind('One "}\n\n', then=model.go_on)
        cutter.cut_behind('"tw')

        told = run("node", "--input-type=module", "--eval", TAKE_A_TURN, cwd=PACKAGE, PARLEY_URL=cutter.url)

        assert not cutter.cuts
    assert json.loads(told) == {"turns": 1, "told": "One two", "stored": "One two", "said": ["Slowly"]}
    assert [asked["messages"][-1]["content"] for asked in model.asked] == ["Slowly"]

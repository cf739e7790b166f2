"""Whatever a message, a name, a tag, a persona, a file, a link or an address holds is shown as text."""

import json
import re
from collections.abc import Iterable

import pytest
from playwright.async_api import Route, expect

from tests.builders import an_owner
from tests.page.conftest import Another
from tests.page.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")  # as the browser is

PNG = (  # one pixel
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
HOSTILE = {
    "a script": "<script>window.pwned = 1</script>",
    "an image that fails": "<img src=x onerror='window.pwned = 1'>",
    "a drawing": "<svg onload='window.pwned = 1'><script>window.pwned = 1</script></svg>",
    "a frame": "<iframe srcdoc='<script>parent.pwned = 1</script>'></iframe>",
    "a script in code": "```html\n<script>window.pwned = 1</script>\n```",
    "the end of an element": "</code></pre></div></article><script>window.pwned = 1</script>",
    "a style": "<style>* { display: none !important }</style>",
    "a form": "<form action='https://evil.example'><input name=password></form>",
    "a link that runs": "[click me](javascript:window.pwned=1)",
    "a link that runs, disguised": "[a](JaVaScRiPt&colon;window.pwned=1) [b](java\tscript:window.pwned=1)"
    " [c](\x01javascript:window.pwned=1)",
    "a link with a page": "[click me](data:text/html,<script>window.pwned=1</script>)",
    "a link by script": "[click me](vbscript:window.pwned=1) <javascript:window.pwned=1>",
    "a link to a file": "[click me](file:///etc/passwd) [b](blob:null/1) [c](//evil.example) [d](/api/chat/data)",
    "a link out of its quotes": '[a](https://example.com/"onmouseover="window.pwned=1)'
    ' https://example.com/"onclick="window.pwned=1',
    "a picture from elsewhere": "![cat](https://evil.example/pixel.png)",
    "a drawing as picture": "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)"
    " ![y](javascript:window.pwned=1)",
    "a picture": f"![dot]({PNG})",
    "a link in a link": "[a [b](https://example.com/b) c](https://example.com/c)"
    " [![i](https://example.com/i)](javascript:window.pwned=1)",
    "a template": "${window.pwned = 1} {{constructor.constructor('window.pwned=1')()}} `${window.pwned = 1}`",
    "a language that is none": '```"><script>window.pwned=1</script>\ncode\n```',
    "a table": "| <b>a</b> | [x](javascript:window.pwned=1) |\n|---|---|\n| <script>window.pwned=1</script> | `|` |",
    "from right to left": "שלום עולם \u202eevil\u202c مرحبا **بالعالم**",
    "bidi never closed": "\u202e\u2066\u2067 reversed " * 50,
    "a line without end": "x" * 60_000,
    "a word without end in a heading": f"# {'y' * 5000}",
    "lists in lists": "\n".join("  " * depth + f"- level {depth}" for depth in range(200)),
    "quotes in quotes": ">" * 500 + " deep",
    "emphasis without end": "*a **b _c ~~d " * 3000,
    "brackets without end": "[" * 10_000 + "](x" * 3000,
    "backticks without end": "`" * 5000 + "a``b" * 2000,
    "pipes without end": "|" * 5000 + "\n" + "|-" * 5000,
    "combining marks": "Z" + "\u0301\u0317" * 2000,
    "nothing": "",
    "nulls and controls": "a\x07\x1b[31m\x7f\ufeff\u2028b",
}
ALLOWED_PROTOCOLS = {"http:", "https:", "mailto:"}
INSPECT = """() => ({
    pwned: window.pwned ?? null,
    forbidden: [...document.querySelectorAll(
        '.message :is(script, style, iframe, object, embed, form, link, meta, base, img, video, audio, input)')].length,
    handlers: [...document.querySelectorAll('#page *')].flatMap(e => e.getAttributeNames())
        .filter(name => name.startsWith('on')),
    links: [...document.querySelectorAll('.message a')].map(a => [a.protocol, a.rel, a.target]),
    wide: document.documentElement.scrollWidth > innerWidth || [...document.querySelectorAll('.messages')]
        .some(box => box.scrollWidth > box.clientWidth + 1),
})"""

OUTSIDE = """() => [...document.querySelectorAll(
        '#main > *, #main .head *, .notice, .notice *, .hits a, .foot *, .rows li, .fault *')]
    .filter(each => each.checkVisibility() && each.getClientRects().length)
    .map(each => [each.outerHTML.slice(0, 60), each.getBoundingClientRect()])
    .filter(([, {left, right}]) => left < -1 || right > innerWidth + 1)
    .map(([html, {left, right}]) => `${html}: ${left} to ${right}`)"""


async def assert_harmless(person: Person) -> None:
    found = await person.page.evaluate(INSPECT)

    assert (found["pwned"], found["forbidden"], found["handlers"]) == (None, 0, [])
    assert {protocol for protocol, _, _ in found["links"]} <= ALLOWED_PROTOCOLS
    assert {(rel, target) for _, rel, target in found["links"]} <= {("noopener noreferrer nofollow", "_blank")}
    assert not found["wide"]
    assert person.visit.origins == {person.parley.url}
    assert person.visit.complaints == []


async def read_all(person: Person) -> None:
    """Scroll through everything and open what is folded."""
    box = person.page.locator(".messages")
    while await box.evaluate("box => { box.scrollTop -= box.clientHeight / 2; return box.scrollTop > 0 }"):
        await person.page.evaluate("() => document.querySelectorAll('.long > button').forEach(fold => fold.click())")


def in_turns(contents: Iterable[str]) -> list[dict[str, object]]:
    return [{"role": "assistant" if at % 2 else "user", "content": each} for at, each in enumerate(contents)]


async def test_hostile_messages_are_shown_as_text_and_break_nothing(person: Person) -> None:
    person.has("s", in_turns(HOSTILE.values()))
    await person.arrive("#/s/s", wait=".message")

    await read_all(person)

    await assert_harmless(person)
    await expect(person.page.get_by_text("<script>window.pwned = 1</script>").first).to_be_attached()


@pytest.mark.slow
async def test_they_fit_on_a_telephone(person: Person) -> None:
    person.has("s", in_turns(HOSTILE.values()))
    await person.page.set_viewport_size({"width": 320, "height": 640})
    await person.arrive("#/s/s", wait=".message")

    await read_all(person)

    await assert_harmless(person)


@pytest.mark.slow
@pytest.mark.parametrize("about", [name for name in HOSTILE if name != "nothing"])
async def test_hostile_names_tags_personas_and_files_are_text(person: Person, about: str) -> None:
    text = "".join(character for character in HOSTILE[about] if character.isprintable())
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": text}, {"type": text[:100] or "x", "url": text}],
        "persona": text[:200],
        "audio_files": [text[:500], {"name": text[:500]}],
        "function_calls": [{"function": {"name": text[:200]}}],
    }
    person.has("s", [message], session_name=text[:200], tags=[text[:64].strip() or "x"])
    await person.arrive("#/s/s", wait=".message")

    await assert_harmless(person)
    await person.choose_for_session("Share")
    await expect(person.page.get_by_role("dialog")).to_be_visible()
    await person.page.keyboard.press("Escape")
    await assert_harmless(person)


@pytest.mark.slow
async def test_a_picture_is_only_shown_when_asked_for(person: Person) -> None:
    person.has("s", [f"![dot]({PNG}) ![cat](https://evil.example/cat.png)"])
    await person.arrive("#/s/s", wait=".message")
    assert await person.page.locator(".message img").count() == 0

    await person.page.get_by_role("button", name="Image: dot").click()

    await expect(person.page.locator(".message img")).to_have_count(1)
    assert await person.page.locator(".message img").evaluate("image => image.naturalWidth") == 1
    await expect(person.page.get_by_role("link", name="Image: cat")).to_have_attribute(
        "href", "https://evil.example/cat.png"
    )
    assert person.visit.origins == {person.parley.url}


@pytest.mark.slow
async def test_ten_thousand_lines_of_code_scroll_in_their_own_place(person: Person) -> None:
    lines = "\n".join(f"line_{number} = '<b>{number}</b>'" for number in range(10_000))
    person.has("s", [f"```python\n{lines}\n```"])
    await person.arrive("#/s/s", wait=".message")

    await person.page.get_by_role("button", name="Show all").click()

    code = person.page.locator(".message pre")
    assert (await code.inner_text()).count("\n") == 9_999
    assert await code.evaluate("pre => pre.clientHeight < 600 && pre.scrollHeight > 100_000")
    await assert_harmless(person)


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "#/s/<img src=x onerror=window.pwned=1>",
        "#/s/%3Cscript%3Ewindow.pwned=1%3C%2Fscript%3E",
        "#/s/../../data",
        "#/s/%E0%A4%A",
        "#javascript:window.pwned=1",
        "#/search/%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E",
        "#/__proto__/constructor",
        "?user_id=evil&<script>window.pwned=1</script>#/new",
    ],
)
async def test_a_hostile_address_does_nothing(person: Person, address: str) -> None:
    await person.arrive(address, wait="#main h1")
    await person.page.wait_for_load_state("networkidle")

    found = await person.page.evaluate(INSPECT)
    assert (found["pwned"], found["forbidden"], found["handlers"]) == (None, 0, [])
    assert person.visit.origins == {person.parley.url}
    assert not [complaint for complaint in person.visit.complaints if "404" not in complaint]


@pytest.mark.slow
async def test_a_shared_link_shows_hostile_content_as_text(person: Person, another: Another) -> None:
    person.has("s", in_turns(HOSTILE.values()), session_name=HOSTILE["an image that fails"])
    link = person.parley.ask("/api/chat/sessions/s/share", person.user, {})["url"]
    stranger = await another("")
    await stranger.page.goto(f"{person.parley.url}{link}/view")
    await stranger.page.wait_for_selector(".message")
    await stranger.page.locator(".messages").evaluate("box => box.scrollTop = box.scrollHeight")

    await assert_harmless(stranger)


@pytest.mark.slow
@pytest.mark.parametrize("about", ["a script", "an image that fails", "a line without end", "bidi never closed"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_hostile_errors_users_and_hits_are_text(person: Person, about: str, width: int) -> None:
    text = HOSTILE[about]
    problem = {"type": text, "title": text, "status": 409, "detail": text, "code": text, "request_id": text[:200]}

    async def refuse(route: Route) -> None:
        if route.request.method == "GET":
            await route.continue_()
        else:
            await route.fulfill(status=409, content_type="application/problem+json", body=json.dumps(problem))

    named = "".join(each for each in text if each not in "/\\?#" and " " < each <= "~")
    person.user = f"{named[:60]}{an_owner()}"
    person.has("s", [f"needle {text}", text], session_name=text[:200])
    await person.page.set_viewport_size({"width": width, "height": 640})
    await person.arrive("#/s/s", wait=".message")
    await person.page.route(re.compile("/api/chat/"), refuse)
    await person.say("Hello")
    await expect(person.page.get_by_role("button", name="Send again")).to_be_visible()
    await assert_text(person)
    await person.choose_for_session("Archive")
    await expect(person.notice).to_contain_text(text[:20].strip())
    await assert_text(person)
    await person.page.goto(f"{person.parley.url}/api/app#/search/needle")
    await expect(person.page.locator("mark")).to_have_count(1)

    await assert_text(person)


async def assert_text(person: Person) -> None:
    """Nothing ran, nothing came from elsewhere, nothing is wider than the window; refusals are complained of."""
    found = await person.page.evaluate(INSPECT)

    assert (found["pwned"], found["forbidden"], found["handlers"], found["wide"]) == (None, 0, [], False)
    assert await person.page.evaluate(OUTSIDE) == []
    assert person.visit.origins == {person.parley.url}
    assert [each for each in person.visit.complaints if "409" not in each] == []

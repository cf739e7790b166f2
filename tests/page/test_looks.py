"""Pictures of each view, for people to look at: they are written to tests/page/screens, which git ignores."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.page.person import Person

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

SCREENS = Path(__file__).with_name("screens")
SIZES = {"usual": (960, 580), "narrow": (320, 640), "large": (3840, 2160)}
NAMES = ("Book club", "Kräuter für den Balkon", "مرحبا بالعالم", "Refactoring the parser", "Trip to Rome")
ANSWER = """## Two days

1. **Saturday**: the Colosseum early, then gelato
2. **Sunday**: Villa Borghese, with a rickshaw

| what | price |
|---|--:|
| Colosseum | 18 € |
| Rickshaw | 12 € |

```python
total = 18 + 12
```
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_every_view_has_its_picture(person: Person, size: str, scheme: Any) -> None:
    width, height = SIZES[size]
    SCREENS.mkdir(exist_ok=True)
    person.user = "ada"
    if person.parley.status("/api/chat/sessions/s4", "ada") == 404:
        for number, name in enumerate(NAMES):
            tags = ["travel"] if name == "Trip to Rome" else []
            person.has(f"s{number}", ["Plan me a weekend in Rome.", ANSWER], session_name=name, tags=tags)
        person.parley.ask("/api/chat/sessions", "ada", {"id": "pinned", "session_name": "Pinned", "pinned": True})
    await person.page.set_viewport_size({"width": width, "height": height})
    await person.page.emulate_media(color_scheme=scheme)

    async def picture(name: str) -> None:
        await person.page.screenshot(path=SCREENS / f"{size}-{scheme}-{name}.png")

    await person.page.goto(f"{person.parley.url}/api/app")
    await picture("identity")
    await person.arrive(wait=".side")
    await expect(person.sessions).to_have_count(len(NAMES) + 1)
    await picture("list")
    for name, (address, seen) in {
        "session": ("#/s/s4", ".code"),
        "search": ("#/search/rome", ".hits a"),
        "stats": ("#/stats", ".chart"),
    }.items():
        await person.page.goto(f"{person.parley.url}/api/app{address}")
        await person.page.wait_for_selector(seen)
        await picture(name)
    await person.page.goto(f"{person.parley.url}/api/app#/s/s4")
    await person.page.get_by_role("button", name="More for this conversation").click()
    await picture("menu")
    await person.page.get_by_role("menuitem", name="Share").click()
    await picture("share")

    assert len(list(SCREENS.glob(f"{size}-{scheme}-*.png"))) == 7

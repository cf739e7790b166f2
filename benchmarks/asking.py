"""`python -m benchmarks.asking URL TIMES`: asks from a process of its own, which nothing else keeps busy.

For each line of input it appends a message and reads the newest, so many times, and prints the seconds of each as JSON.
"""

import asyncio
import json
import sys
import time

import aiohttp

from benchmarks.turns import RESUMED


async def ask(url: str, times: int) -> list[float]:
    """Append and read, one after another, and return how many seconds each pair took."""
    took: list[float] = []
    message = {"session_id": "other", "role": "user", "content": "Hi"}
    async with aiohttp.ClientSession(headers={"x-user-id": "somebody"}, raise_for_status=True) as client:
        for _ in range(times):
            began = time.perf_counter()
            async with client.post(f"{url}/api/chat/messages", json=message) as answer:
                await answer.read()
            async with client.get(f"{url}/api/chat/sessions/other?limit={RESUMED}") as answer:
                await answer.read()
            took.append(time.perf_counter() - began)
    return took


if __name__ == "__main__":
    for _ in sys.stdin:
        print(json.dumps(asyncio.run(ask(sys.argv[1], int(sys.argv[2])))), flush=True)

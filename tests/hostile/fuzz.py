"""Runs Schemathesis on the document that a host serves, in a process of its own."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.settings import PROJECT_ROOT

CONFIG = Path(__file__).with_name("schemathesis.toml")


async def fuzz(url: str, *options: str) -> tuple[bool, str]:
    """Send what Schemathesis makes of the document; tell whether every check passed, and what it reported."""
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
    command += [f"--config-file={CONFIG}", "run", f"{url}/api/openapi.json", "--no-color", *options]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=PROJECT_ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode == 0, output.decode()


def rounds(examples: int, seed: int) -> Sequence[str]:
    """Return the options of a round in which every operation is met so often, with random but repeatable data."""
    return f"--max-examples={examples}", f"--seed={seed}", "--generation-database=none"

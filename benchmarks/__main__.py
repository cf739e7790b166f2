"""Runs the benchmarks: `python -m benchmarks [--quick | --thresholds]`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from benchmarks import thresholds
from benchmarks.stage import staged
from tests.cosmos_server.launch import missing_reason, running_server


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--thresholds", action="store_true")
    options.parse_args(arguments)
    with running_server() as server:
        asyncio.run(run(server))
    return 0


async def run(server):
    async with staged(server, "thresholds") as stage:
        await thresholds.explore(stage)


if __name__ == "__main__":
    sys.exit(main())

"""Measures chats where it is started: `python -m benchmarks.chats SCALE`, both scale and findings as JSON."""

import asyncio
import sys

from pydantic import TypeAdapter

from benchmarks.chats.costs import Chats
from benchmarks.chats.measure import Scale, measure
from tests.cosmos_server.launch import running_server

if __name__ == "__main__":
    with running_server() as own:
        found = asyncio.run(measure(own, TypeAdapter(Scale).validate_json(sys.argv[1])))
    print(TypeAdapter(Chats).dump_json(found).decode())

#!/usr/bin/env bash
# azure-cosmos 4.17.1, asynchronous client, an account with one write region and session consistency.
#
# Expected: `retry_total=0` holds for all that a call sends: where nobody listens, it fails at once.
# Seen:     a patch does. The first transactional batch of a client that has only written so far asks for the
#           container's partition key ranges before it is sent, and those are asked for with the client's own
#           connection retries and their pauses: the batch fails seconds later. The ranges are read under a lock,
#           so of many batches at once each waits for the ones before it. `retry_connect=1` of the client ends it.
#
# Installs the pinned packages in a temporary folder, asks a small service on loopback, and fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check azure-cosmos==4.17.1 aiohttp==3.14.5

cat >"$folder/probe.py" <<'PYTHON'
import asyncio
import base64
import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from azure.core.exceptions import ServiceRequestError
from azure.cosmos.aio import CosmosClient

AT_ONCE = 4
COLLECTION = "dbs/AAAAAA==/colls/AAAAAAAAAAA=/"


class Service(BaseHTTPRequestHandler):
    """An account with one container, whose items can be patched; each answer ends its connection."""

    def log_message(self, *_about):
        pass

    def do_GET(self):
        if self.path.strip("/"):
            key = {"paths": ["/pk"], "kind": "Hash", "version": 2}
            self.answer({"id": "c", "_rid": "AAAAAAAAAAA=", "_self": COLLECTION, "partitionKey": key})
            return
        region = [{"name": "here", "databaseAccountEndpoint": f"http://127.0.0.1:{self.server.server_port}/"}]
        account = {"id": "account", "writableLocations": region, "readableLocations": region}
        self.answer(account | {"userConsistencyPolicy": {"defaultConsistencyLevel": "Session"}})

    def do_PATCH(self):
        self.rfile.read(int(self.headers["content-length"]))
        headers = {"x-ms-session-token": "0:-1#10", "x-ms-alt-content-path": "dbs/d/colls/c"}
        self.answer({"id": "item", "pk": "p", "_self": f"{COLLECTION}docs/AAAAAAAAAAABAAAAAAAAAA==/"}, headers)

    def answer(self, body, headers=None):
        data = json.dumps(body).encode()
        self.send_response(200)
        for name, value in {**(headers or {}), "etag": "1", "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


logging.disable()


async def seconds(*calls):
    started = time.monotonic()
    for error in await asyncio.gather(*calls, return_exceptions=True):
        if not isinstance(error, ServiceRequestError):
            raise SystemExit(f"expected a refused connection, and got {error!r}")
    return time.monotonic() - started


async def outage(**options):
    """Patch an item, stop the service, and return how long a patch, a batch and several batches take to fail."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key = base64.b64encode(b"any").decode()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    async with CosmosClient(endpoint, key, consistency_level="Session", **options) as client:
        container = client.get_database_client("d").get_container_client("c")

        def patch():
            return container.patch_item("item", "p", [{"op": "set", "path": "/a", "value": 1}], retry_total=0)

        def batch():
            return container.execute_item_batch([("create", ({"id": "new", "pk": "p"},))], "p", retry_total=0)

        await patch()
        server.shutdown()
        server.server_close()
        return await seconds(patch()), await seconds(batch()), await seconds(*(batch() for _ in range(AT_ONCE)))


async def main():
    patch, batch, batches = await outage()
    print(f"as it is:        a patch {patch:.2f} s, a batch {batch:.2f} s, {AT_ONCE} batches at once {batches:.2f} s")
    _, prompt, prompt_batches = await outage(retry_connect=1)
    print(f"retry_connect=1: a batch {prompt:.2f} s, {AT_ONCE} batches at once {prompt_batches:.2f} s")
    if not (patch < batch / 2 and batches > 2 * batch and prompt < batch / 2 and prompt_batches < batches / 4):
        raise SystemExit("azure-cosmos behaves differently now")


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"

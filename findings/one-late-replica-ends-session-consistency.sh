#!/usr/bin/env bash
# azure-cosmos 4.17.1, asynchronous client, an account with one write region and session consistency.
#
# Expected: a read that a replica refuses with 404/1002 (it has not reached the session token yet) fails by itself;
#           later reads of other items still send the token, so this client goes on seeing its own writes.
# Seen:     when the SDK's one repetition is refused as well, the client forgets the session tokens of the whole container.
#           The next read, of any item by any caller in the process, is sent without a token: eventual consistency, silently.
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
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import CosmosResourceNotFoundError

SENT = []  # (item, session token) of each read
COLLECTION = "dbs/AAAAAA==/colls/AAAAAAAAAAA=/"


class Service(BaseHTTPRequestHandler):
    """An account with one container; the item `behind` is on a replica that lags."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_about):
        pass

    def do_GET(self):
        path = self.path.strip("/")
        if not path:
            region = [{"name": "here", "databaseAccountEndpoint": f"http://127.0.0.1:{self.server.server_port}/"}]
            policy = {"defaultConsistencyLevel": "Session"}
            account = {"id": "account", "writableLocations": region, "readableLocations": region}
            self.answer(account | {"userConsistencyPolicy": policy})
        elif path.endswith("/pkranges"):
            whole = {"id": "0", "minInclusive": "", "maxExclusive": "FF"}
            self.answer({"PartitionKeyRanges": [whole], "_count": 1}, 304 if self.headers.get("If-None-Match") else 200)
        elif "/docs/" in path:
            self.read_item(path.rpartition("/")[2])
        else:
            key = {"paths": ["/pk"], "kind": "Hash", "version": 2}
            self.answer({"id": "c", "_rid": "AAAAAAAAAAA=", "_self": COLLECTION, "partitionKey": key})

    def read_item(self, item):
        SENT.append((item, self.headers.get("x-ms-session-token")))
        headers = {"x-ms-session-token": "0:-1#10", "x-ms-alt-content-path": "dbs/d/colls/c"}
        if item == "behind":
            self.answer({"code": "NotFound", "message": ""}, 404, headers | {"x-ms-substatus": "1002"})
        else:
            self.answer({"id": item, "pk": "p", "_self": f"{COLLECTION}docs/AAAAAAAAAAABAAAAAAAAAA==/"}, 200, headers)

    def answer(self, body, status=200, headers=None):
        data = b"" if status == 304 else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "etag": "1", "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


async def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key = base64.b64encode(b"any").decode()
    async with CosmosClient(f"http://127.0.0.1:{server.server_port}", key, consistency_level="Session") as client:
        container = client.get_database_client("d").get_container_client("c")
        await container.read_item("first", "p")
        await container.read_item("second", "p")
        try:
            await container.read_item("behind", "p")
        except CosmosResourceNotFoundError as error:
            print("behind is refused:", error.status_code, error.sub_status)
        await container.read_item("third", "p")
    server.shutdown()
    for item, token in SENT:
        print(item, "is read with", token)
    expected = [("first", None), ("second", "0:-1#10"), ("behind", "0:-1#10"), ("behind", "0:-1#10"), ("third", None)]
    if expected != SENT:
        raise SystemExit("azure-cosmos behaves differently now")


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"

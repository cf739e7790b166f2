#!/usr/bin/env bash
# azure-cosmos 4.17.1, asynchronous client, session consistency.
#
# Expected: after any write that was answered, this client's reads send the session token of that answer, so that they see
#           what was written, whichever replica serves them.
# Seen:     after create_item they do. After execute_item_batch they send the token of the answer before it, or none:
#           the token of a transactional batch's answer is not kept, so the next read may not show what the batch wrote.
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

COLLECTION = "dbs/AAAAAA==/colls/AAAAAAAAAAA=/"
ITEM = {"id": "item", "pk": "p", "_self": f"{COLLECTION}docs/AAAAAAAAAAABAAAAAAAAAA==/"}
READS = []  # the session token that each read sent


class Service(BaseHTTPRequestHandler):
    """An account with one container, whose every write moves its log on by ten."""

    protocol_version = "HTTP/1.1"
    lsn = 10

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
            READS.append(self.headers.get("x-ms-session-token"))
            self.answer(ITEM, 200, self.state())
        else:
            key = {"paths": ["/pk"], "kind": "Hash", "version": 2}
            self.answer({"id": "c", "_rid": "AAAAAAAAAAA=", "_self": COLLECTION, "partitionKey": key})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Service.lsn += 10
        if self.headers.get("x-ms-cosmos-is-batch-request"):
            self.answer([{"statusCode": 201, "requestCharge": 5, "eTag": "1", "resourceBody": ITEM}], 200, self.state())
        else:
            self.answer(ITEM, 201, self.state())

    def state(self):
        return {"x-ms-session-token": f"0:-1#{Service.lsn}", "x-ms-alt-content-path": "dbs/d/colls/c"}

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
        document = {"id": "item", "pk": "p"}
        await container.create_item(document)
        created_at = Service.lsn
        await container.read_item("item", "p")
        await container.execute_item_batch([("create", (document,))], "p")
        batch_at = Service.lsn
        await container.read_item("item", "p")
    server.shutdown()
    after_create, after_batch = (token and int(token.rpartition("#")[2]) for token in READS)
    print(f"create at {created_at}: the read after it asks for {after_create}")
    print(f"batch at {batch_at}: the read after it asks for {after_batch}")
    assert after_create == created_at, "a read does not ask for what a create has written any more"
    assert after_batch != batch_at, "a read asks for what a batch has written now"


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
echo "as described: the session token of a batch's answer is not kept"

"""A model in a process of its own: `python -m tests.turns.ticking_model` prints its port, and ends with its input.

Asked for a number it says "tick" so many times, twenty a second. It needs nothing but Python: so it starts at once.
"""

import json
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TICK_SECONDS = 0.05


class Handler(BaseHTTPRequestHandler):
    """Answers questions."""

    def do_POST(self) -> None:
        """Stream one reply."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        with suppress(ConnectionError):  # whoever asked has gone
            for _ in range(int(asked["messages"][-1]["content"])):
                self._say({"delta": {"content": "tick "}, "finish_reason": None})
                time.sleep(TICK_SECONDS)
            self._say({"delta": {}, "finish_reason": "stop"})

    def _say(self, choice: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps({"choices": [{"index": 0, **choice}]}).encode() + b"\n\n")

    def log_message(self, *_: Any) -> None:
        """Say nothing of it."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()

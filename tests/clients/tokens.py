"""A server on this machine that gives a token with each answer and keeps what tokens it is sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEADER = "x-session-token"


class TokenServer(ThreadingHTTPServer):
    """Answers with `replies`, each a status and a token or None, one after another, then with 201 and no token."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Replies)
        self.replies: list[tuple[int, str | None]] = []
        self.asked: list[tuple[str | None, str | None]] = []  # by whom, with which token

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Replies(BaseHTTPRequestHandler):
    server: TokenServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # the name is http.server's
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.headers["x-user-id"] or said.get("user_id"), self.headers[HEADER]))
        status, token = self.server.replies.pop(0) if self.server.replies else (201, None)
        body = json.dumps({"code": "a_code"}).encode()
        self.send_response(status)
        if token is not None:
            self.send_header(HEADER, token)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


@contextmanager
def giving_tokens() -> Iterator[TokenServer]:
    """Serve until the block ends."""
    with TokenServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()

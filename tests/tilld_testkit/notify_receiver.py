"""A merchant's notify URL: takes what antomsim posts, answers as a test scripts it."""

from __future__ import annotations

import contextlib
import http.server
import json
import queue
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 20.0

#: The constant of Antom's own reference implementation (antom-api.md §9.2).
TAKEN = b'{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"success"}}'
AGAIN = TAKEN.replace(b"SUCCESS", b"UNKNOWN_EXCEPTION").replace(b'"S"', b'"U"')


class Notice(NamedTuple):
    path: str
    headers: dict[str, str]
    data: bytes

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.data)
        return found


class Receiver:
    def __init__(self, url: str) -> None:
        self.url = url
        #: (HTTP status, more headers, body) of the next answers; TAKEN when it is empty
        self.answers: queue.Queue[tuple[int, dict[str, str], bytes]] = queue.Queue()
        self.notices: queue.Queue[Notice] = queue.Queue()

    def next(self) -> Notice:
        return self.notices.get(timeout=PATIENCE_S)

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        found = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.put((status, found, body))

    def scripted(self) -> tuple[int, dict[str, str], bytes]:
        try:
            return self.answers.get_nowait()
        except queue.Empty:
            return 200, {}, TAKEN


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, body = receiver.scripted()
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            receiver.notices.put(Notice(self.path, headers, data))

        def log_message(self, format: str, *args: object) -> None:
            """A test asserts; it does not chat."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/antom/notify")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join(PATIENCE_S)

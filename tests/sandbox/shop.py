"""A merchant's notify addresses: a real HTTP server that keeps what it was told."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Told:
    """One notify as received."""

    path: str
    headers: Message
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Shop:
    """Answers 200 `success` everywhere, except where a test has put other answers first."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._answers: dict[str, list[tuple[int, bytes]]] = {}
        shop = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop._told.append(Told(self.path, self.headers, body))
                queued = shop._answers.get(self.path)
                status, said = queued.pop(0) if queued else (200, b"success")
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/{path}"

    def answer(self, path: str, *answers: tuple[int, bytes]) -> None:
        """What to answer first, in this order, at this address."""
        self._answers[f"/{path}"] = list(answers)

    def told(self, path: str, at_least: int = 1) -> list[Told]:
        """The notifies of this address, once there are enough of them."""
        until(lambda: len(self._at(path)) >= at_least)
        return self._at(path)

    def now(self, path: str) -> list[Told]:
        """The notifies of this address that have come so far."""
        return self._at(path)

    def _at(self, path: str) -> list[Told]:
        return [told for told in list(self._told) if told.path == f"/{path}"]

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def until(done: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for a condition; fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)

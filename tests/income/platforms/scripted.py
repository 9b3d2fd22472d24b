"""A platform's address behind which every answer is scripted, for what a well-behaved platform never says."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from apps.sandbox.signatures import rsa_sign

Reply = tuple[int, dict[str, str], bytes]


class Scripted(ThreadingHTTPServer):
    """Answers from `replies` in turn (None drops the connection) and remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.replies: deque[Reply | Callable[[str, bytes], Reply] | None] = deque()
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    server: Scripted
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        reply = self.server.replies.popleft()
        if reply is None:
            self.close_connection = True
            return
        status, headers, content = reply(self.path, body) if callable(reply) else reply
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def scripted_platform() -> Iterator[Scripted]:
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def late(path: str, body: bytes) -> Reply:
    """An answer that comes after 0.15 s."""
    time.sleep(0.15)
    return 200, {}, b"{}"


def alipay_reply(
    key: RSAPrivateKey, method: str, content: dict[str, Any] | str, *, charset: str = "utf-8", **beside: str
) -> Reply:
    """A signed answer of the gateway; `content` as text is put in as it is."""
    text = (
        content
        if isinstance(content, str)
        else json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    )
    sign = rsa_sign(key, text.encode(charset))
    rest = "".join(f',"{name}":"{value}"' for name, value in beside.items())
    body = f'{{"{method.replace(".", "_")}_response":{text},"sign":"{sign}"{rest}}}'
    return 200, {"Content-Type": f"text/html;charset={charset}"}, body.encode(charset)

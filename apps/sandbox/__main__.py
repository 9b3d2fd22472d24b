"""`python -m apps.sandbox --port 6452 --state DIR` and `python -m apps.sandbox make-merchants …`."""

import argparse
import re
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import NoReturn

from apps.sandbox.merchants import MerchantsUnreadable, make_merchants
from apps.sandbox.server import HOST, SandboxServer


class _OneSentence(argparse.ArgumentParser):
    """A wrong command line is one sentence and status 1, like every other start-up error."""

    def error(self, message: str) -> NoReturn:
        _fail(message)


def main(words: list[str]) -> int:
    """Serve until SIGTERM or SIGINT (status 0), or make the merchants and return."""
    if words[:1] == ["make-merchants"]:
        return _make(words[1:])
    parser = _OneSentence(prog="python -m apps.sandbox", description="Pretend WeChat Pay and Alipay.")
    parser.add_argument("--port", type=int, default=6452, help="port on 127.0.0.1, 0 for any free one")
    parser.add_argument("--state", type=Path, required=True, help="directory with merchants and books")
    wish = parser.parse_args(words)
    if not 0 <= wish.port <= 65535:
        _fail(f"port {wish.port} is out of range")
    try:
        server = SandboxServer(wish.state, wish.port)
    except (MerchantsUnreadable, sqlite3.Error) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"cannot listen on {HOST}:{wish.port} ({error.strerror})")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    server.start()
    sys.stdout.write(f"sandbox platforms on {server.url}\n")
    sys.stdout.flush()
    stopping.wait()
    server.stop()
    return 0


def _make(words: list[str]) -> int:
    parser = _OneSentence(
        prog="python -m apps.sandbox make-merchants", description="Test accounts for landlords."
    )
    parser.add_argument("--state", type=Path, required=True, help="directory to keep them in")
    parser.add_argument("--landlords", required=True, help="short names, separated by commas")
    wish = parser.parse_args(words)
    owners = [name.strip() for name in wish.landlords.split(",")]
    if not all(re.fullmatch(r"[a-z0-9-]{1,40}", name, re.ASCII) for name in owners):
        _fail("landlords must be short names of lower-case letters, digits and hyphens, separated by commas")
    try:
        make_merchants(wish.state, owners)
    except (OSError, ValueError) as error:
        _fail(f"cannot keep merchants in {wish.state} ({error})")
    return 0


def _fail(sentence: str) -> NoReturn:
    sys.stderr.write(f"sandbox: {sentence.rstrip('.')}.\n")
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

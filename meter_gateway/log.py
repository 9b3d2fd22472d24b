"""Log lines of the gateway: one line each, to stderr, with meter numbers masked."""

import logging
import sys
import time

_SHOWN_DIGITS = 4


def masked(serial: str | None) -> str:
    """A meter number as logs may show it: first and last four characters, ``0000****9998``.

    What a peer sent before it proved anything may hold any character, so everything that is not an ASCII
    letter or digit becomes a full stop: a peer cannot start a new log line or forge a field.
    """
    if not serial:
        return "-"
    shown = "".join(char if char.isascii() and char.isalnum() else "." for char in serial[:32])
    if len(shown) <= 2 * _SHOWN_DIGITS:
        return "****"
    return f"{shown[:_SHOWN_DIGITS]}****{shown[-_SHOWN_DIGITS:]}"


def configure_logging(level: str = "INFO") -> None:
    """Send this process's log lines to stderr with UTC times. Called once, by the entry point."""
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(level)
    logging.getLogger("celery").setLevel("WARNING")
    logging.getLogger("kombu").setLevel("WARNING")

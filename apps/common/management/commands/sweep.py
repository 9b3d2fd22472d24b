"""The sweeper: finds due rows in PostgreSQL and acts on them, with no broker's help."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections, connection
from django.db.utils import Error as DatabaseError
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.common.startup import refuse_wrong_login

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Take every turn that is due, again and again, until told to stop. Reads PostgreSQL, needs no broker."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--once", action="store_true", help="sweep once and end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            for _interval_s, sweep in _sweeps():
                sweep(timezone.now())
            return
        refuse_wrong_login()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        due = [(0.0, interval_s, sweep) for interval_s, sweep in _sweeps()]
        while not stop.wait(0.25):
            close_old_connections()
            turn = time.monotonic()
            for index, (at, interval_s, sweep) in enumerate(due):
                if turn < at:
                    continue
                due[index] = (turn + interval_s, interval_s, sweep)
                try:
                    sweep(timezone.now())
                except DatabaseError as error:
                    # PostgreSQL restarts in two seconds; what was due is due then.
                    log.warning("sweep put off: %s", error)
                    connection.close()
                except Exception:
                    log.exception("a sweep failed")


def _sweeps() -> list[tuple[float, Callable[[datetime], int]]]:
    return [(interval_s, import_string(path)) for path, interval_s in settings.SWEEPS]

"""Letters on their way up: Celery tasks by name, sent in batches from a thread of their own.

The event loop only puts items into a bounded tray; everything that can block or fail is in the thread.
"""

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from meter_gateway.tray import TRAY_LIMIT, Item, Kind, Tray

log = logging.getLogger(__name__)

BATCH_SECONDS = 0.05


class Publisher:
    """Owns the Celery application and the thread that sends with it.

    ``put`` never blocks on the broker. A batch that could not be sent is sent again until it is, so a task
    may arrive twice (its receiver is idempotent) and kinds are not ordered among each other.
    """

    def __init__(self, broker_url: str, gateway: str, *, tray_limit: int = TRAY_LIMIT) -> None:
        self._gateway = gateway
        self._tray = Tray(tray_limit)
        self._changed = threading.Condition()
        self._in_hand = 0
        self._stop_before: float | None = None
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._celery: Any = Celery(  # type: ignore[no-untyped-call,unused-ignore]
            "meter_gateway", broker=broker_url, set_as_current=False
        )
        self._celery.conf.update(
            # Named once more for writing: CELERY_BROKER_URL of the environment would win over the plain one,
            # and letters would go to another broker than the one the bridge listens to.
            broker_write_url=broker_url,
            task_ignore_result=True,
            task_serializer="json",
            broker_transport_options={
                "socket_timeout": 3,
                "socket_connect_timeout": 2,
                "max_retries": 1,
                "interval_start": 0,
            },
        )

    @property
    def dropped(self) -> dict[str, int]:
        """How many items the full tray has lost since the start, by kind."""
        return {kind.name.lower(): count for kind, count in self._tray.dropped.items()}

    @property
    def backlog(self) -> int:
        """How many items wait to be sent or are just being sent."""
        return len(self._tray) + self._in_hand

    def start(self) -> None:
        self._thread.start()

    def put(self, kind: Kind, item: Item) -> None:
        """Queue one item; from any thread, never waits for the broker."""
        with self._changed:
            self._tray.put(kind, item)
            self._changed.notify()

    def stop(self, within_s: float) -> bool:
        """Send what is left for at most ``within_s`` seconds; True when the tray went empty. Blocks."""
        with self._changed:
            self._stop_before = time.monotonic() + within_s
            self._changed.notify()
        self._thread.join(within_s + 1)
        return not self._thread.is_alive() and not len(self._tray)

    def _run(self) -> None:
        sent_at = 0.0
        while True:
            with self._changed:
                while not len(self._tray) and self._stop_before is None:
                    self._changed.wait()
                # A lone item leaves at once; under load the pause since the last sending makes the batch.
                while self._stop_before is None and (rest := sent_at + BATCH_SECONDS - time.monotonic()) > 0:
                    self._changed.wait(rest)
                batch = self._tray.take()
                if batch is None:
                    return
                self._in_hand = len(batch[1])
            if not self._send_until_sent(*batch):
                return
            with self._changed:
                self._in_hand = 0
                if not len(self._tray):
                    sent_at = time.monotonic()

    def _send_until_sent(self, kind: Kind, items: list[Item]) -> bool:
        """False when the time to stop came first."""
        pause_s = 0.1
        while True:
            try:
                self._send(kind, items)
            except (KombuError, RedisError, OSError) as error:
                log.warning("%s not sent (%s), trying again", kind.task, type(error).__name__)
            else:
                return True
            with self._changed:
                self._changed.wait_for(lambda: self._stop_before is not None, timeout=pause_s)
                stop_before = self._stop_before
            if stop_before is not None:
                if time.monotonic() + 0.1 >= stop_before:
                    log.error("stopping with %d letters unsent", len(items) + len(self._tray))
                    return False
                time.sleep(0.1)
            pause_s = min(2.0, pause_s * 2)

    def _send(self, kind: Kind, items: list[Item]) -> None:
        if kind is Kind.HELLO:
            arguments = dict(items[-1])
        else:
            arguments = {"gateway": self._gateway, kind.list_name: items}
        headers = {"sent_at": datetime.now(UTC).isoformat()}
        self._celery.send_task(kind.task, kwargs=arguments, queue=kind.queue, headers=headers, retry=False)

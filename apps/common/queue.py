"""Doorbells: tasks by name, rung after commit, that carry ids and no facts.

A lost, doubled or late ring changes nothing, because PostgreSQL holds the truth and a sweeper finds due rows
without any broker. So ringing never blocks and never raises in a payer's request: a background thread
publishes from a bounded queue, and what does not fit is dropped.
"""

import logging
import queue
import threading
import time
from typing import Any
from uuid import UUID

from celery import Celery, Task, current_app
from django.db import InterfaceError, OperationalError, connection, transaction

from apps.common.scoping import landlord_scope

log = logging.getLogger(__name__)

# Urgency, most urgent first; whoever rings names the queue.
QUEUES = ("money", "delivery", "readings", "alerts")

# A crashed PostgreSQL replays its log within seconds; after that a person has to look, and the sweepers go on.
DATABASE_BACK_WITHIN_S = 30.0
_LOOK_AGAIN_S = 0.25
_BACKLOG = 1_000
_waiting: "queue.Queue[tuple[str, str, dict[str, Any]]]" = queue.Queue(maxsize=_BACKLOG)
_thread: threading.Thread | None = None
_thread_lock = threading.Lock()


def ring_after_commit(name: str, *, queue_name: str, **kwargs: Any) -> None:
    """Ring the task `name` once the present transaction has committed; never blocks, never raises.

    `kwargs` are ids (UUIDs become text). Without a transaction it rings at once.
    """
    facts = {key: str(value) if isinstance(value, UUID) else value for key, value in kwargs.items()}
    transaction.on_commit(lambda: _put(name, queue_name, facts))


def _put(name: str, queue_name: str, kwargs: dict[str, Any]) -> None:
    _ensure_thread()
    try:
        _waiting.put_nowait((name, queue_name, kwargs))
    except queue.Full:
        log.warning("doorbell %s dropped: %d are waiting already", name, _BACKLOG)


def _ensure_thread() -> None:
    global _thread
    with _thread_lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_publish_forever, name="doorbells", daemon=True)
            _thread.start()


def _publish_forever() -> None:
    while True:
        name, queue_name, kwargs = _waiting.get()
        try:
            current_app.send_task(name, kwargs=kwargs, queue=queue_name, retry=False)
        except Exception as error:  # noqa: BLE001 - the broker may fail in any way; the sweeper covers it
            log.warning("doorbell %s not rung: %s", name, error)
        finally:
            _waiting.task_done()


def database_is_away(error: BaseException) -> bool:
    """Say whether this failure took the thread's connection with it, or found none: PostgreSQL is restarting."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    held = connection.connection
    return held is None or bool(held.closed)


class PatientTask(Task):
    """Every task of ours: it waits for a database that restarts, and begins anew, as it may run twice.

    Failing at once would be worse than waiting: the worker would eat its queue, and with it what a gateway says
    once in half a minute, within the second that PostgreSQL needs to come back.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        until = time.monotonic() + DATABASE_BACK_WITHIN_S
        while True:
            try:
                return self.act(*args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if not database_is_away(error) or time.monotonic() > until:
                    raise
                log.warning("%s waits for the database", self.name)
            connection.close()
            time.sleep(_LOOK_AGAIN_S)

    def act(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)


class LandlordTask(PatientTask):
    """A task that works for one landlord: `landlord_id` is demanded and its scope is open around the body."""

    abstract = True

    def act(self, *args: Any, landlord_id: str, **kwargs: Any) -> Any:
        with landlord_scope(UUID(landlord_id)):
            return super().act(*args, **kwargs)


def broker_app() -> Celery:
    """Return the Celery app in use; the one place where others reach it."""
    return current_app

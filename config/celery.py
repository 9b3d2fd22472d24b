"""Celery: doorbells and schedules. Queues are named by urgency: money, delivery, readings, alerts."""

import os
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.signals import before_task_publish, worker_init
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

app = Celery("rentmeter", task_cls="apps.common.queue:PatientTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name) for name in ("money", "delivery", "readings", "alerts")]
app.conf.task_default_queue = "alerts"
app.autodiscover_tasks()


@before_task_publish.connect
def _say_when(headers: dict[str, Any], **_: object) -> None:
    """Write into the envelope when it was sent, so that the operator sees how long a message has waited."""
    headers.setdefault("sent_at", datetime.now(UTC).isoformat())


@worker_init.connect
def _refuse_wrong_login(**_: object) -> None:
    from apps.common.startup import WrongLogin, refuse_wrong_login

    try:
        refuse_wrong_login()
    except WrongLogin as error:
        # Celery logs what a signal raises and goes on; only leaving stops it.
        raise SystemExit(str(error)) from None

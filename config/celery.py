"""Celery: doorbells and schedules. Queues are named by urgency: money, delivery, readings, alerts."""

import os

from celery import Celery
from celery.signals import worker_init
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

app = Celery("rentmeter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name) for name in ("money", "delivery", "readings", "alerts")]
app.conf.task_default_queue = "alerts"
app.autodiscover_tasks()


@worker_init.connect
def _refuse_wrong_login(**_: object) -> None:
    from apps.common.startup import WrongLogin, refuse_wrong_login

    try:
        refuse_wrong_login()
    except WrongLogin as error:
        # Celery logs what a signal raises and goes on; only leaving stops it.
        raise SystemExit(str(error)) from None

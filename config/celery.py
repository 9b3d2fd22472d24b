"""Celery: doorbells and schedules. Queues are named by urgency: money, delivery, readings, alerts."""

import os

from celery import Celery
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

app = Celery("rentmeter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name) for name in ("money", "delivery", "readings", "alerts")]
app.conf.task_default_queue = "alerts"
app.autodiscover_tasks()

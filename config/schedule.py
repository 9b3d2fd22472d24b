"""Every periodic task, most frequent first. django-celery-beat takes them over into its table at start."""

from typing import Any

from celery.schedules import crontab

SCHEDULE: dict[str, dict[str, Any]] = {
    "common.beat_is_alive": {
        "task": "common.beat_is_alive",
        "schedule": 5.0,
        "options": {"queue": "alerts", "expires": 5},
    },
    "meters.read_due_meters": {
        "task": "meters.read_due_meters",
        "schedule": 60.0,
        "options": {"queue": "readings", "expires": 60},
    },
    "readings.close_days": {
        "task": "readings.close_days",
        "schedule": 600.0,
        "options": {"queue": "readings", "expires": 600},
    },
    "income.prove_meters": {
        "task": "income.prove_meters",
        "schedule": crontab(hour="3", minute="10"),
        "options": {"queue": "money", "expires": 3_600},
    },
    "income.ring_due_bills": {
        "task": "income.ring_due_bills",
        "schedule": 600.0,
        "options": {"queue": "money", "expires": 600},
    },
    "readings.make_months": {
        "task": "readings.make_months",
        "schedule": 86_400.0,
        "options": {"queue": "readings", "expires": 86_400},
    },
}

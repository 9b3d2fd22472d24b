"""Every periodic task, most frequent first. django-celery-beat takes them over into its table at start."""

from typing import Any

from celery.schedules import crontab

from config.env import env_int

READ_DUE_EVERY_S = env_int("READ_DUE_EVERY_S", 60)
CLOSE_DAYS_EVERY_S = env_int("CLOSE_DAYS_EVERY_S", 600)

SCHEDULE: dict[str, dict[str, Any]] = {
    "common.beat_is_alive": {
        "task": "common.beat_is_alive",
        "schedule": 5.0,
        "options": {"queue": "alerts", "expires": 5},
    },
    "meters.read_due_meters": {
        "task": "meters.read_due_meters",
        "schedule": float(READ_DUE_EVERY_S),
        "options": {"queue": "readings", "expires": READ_DUE_EVERY_S},
    },
    "readings.close_days": {
        "task": "readings.close_days",
        "schedule": float(CLOSE_DAYS_EVERY_S),
        "options": {"queue": "readings", "expires": CLOSE_DAYS_EVERY_S},
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

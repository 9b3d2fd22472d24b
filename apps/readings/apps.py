"""What the meters said: readings and what follows from them."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReadingsConfig(AppConfig):
    name = "apps.readings"
    label = "readings"

    def ready(self) -> None:
        post_migrate.connect(_make_months_ahead, sender=self)


def _make_months_ahead(plan: Any = None, **_: Any) -> None:
    """A database that was migrated has its months, before anything is started on it."""
    from django.utils import timezone

    from apps.readings.months import make_months_ahead

    if not any(backwards for _migration, backwards in plan or []):
        make_months_ahead(timezone.now())

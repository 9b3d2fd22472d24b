"""Django's migrate, as the owner of the tables."""

from typing import Any

from django.core.management.commands.migrate import Command as Migrate

from apps.common.owner import as_owner


class Command(Migrate):
    def execute(self, *args: Any, **options: Any) -> Any:
        with as_owner():
            return super().execute(*args, **options)

"""Walk every landlord's audit chain; exit 1 naming the first line that was edited, taken out or moved."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.accounts import chain
from apps.accounts.models import AuditSeal, Landlord
from apps.common.scoping import landlord_scope


class Command(BaseCommand):
    help = "Seal what is new in the audit, then check every landlord's chain and say where it is broken."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = links = 0
        for landlord in Landlord.objects.order_by("id"):
            while chain.seal_one(landlord_id=landlord.pk, now=timezone.now()):
                pass
            with landlord_scope(landlord.pk):
                links += AuditSeal.objects.count()
                broken = chain.first_break()
            if broken:
                wrong += 1
                self.stdout.write(f"{landlord}: {broken}")
        if wrong:
            raise CommandError(f"The audit of {wrong} landlords is not what was written.")
        self.stdout.write(f"The audit holds: {links} lines.")

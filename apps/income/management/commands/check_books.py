"""Hold every landlord's books against themselves and against the meters; exit 1 if something is wrong."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import Landlord
from apps.common.scoping import landlord_scope
from apps.income.check_books import check_books


class Command(BaseCommand):
    help = "Check the books of all landlords and say in words what is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for landlord in Landlord.objects.order_by("id"):
            with landlord_scope(landlord.pk):
                for sentence in check_books():
                    wrong += 1
                    self.stdout.write(f"{landlord}: {sentence}")
        if wrong:
            raise CommandError(f"{wrong} things are wrong with the books.")
        self.stdout.write("The books hold.")

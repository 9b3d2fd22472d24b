"""Compare every reachable meter with the ledger now; exit 1 and name each that differs."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation

from apps.common.scoping import everything
from apps.income.models import ProofFinding
from apps.income.services import proving


class Command(BaseCommand):
    help = (
        "Read every meter that is online and compare its cumulative purchased energy with the ledger. "
        "Freezes what differs; more than 5 percent of a fleet is one alarm and freezes nothing."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--wait", type=int, default=60, help="seconds to wait for the meters' answers")

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("en"):
            self._prove(options)

    def _prove(self, options: dict[str, Any]) -> None:
        run = proving.open_run(by_hand=True, now=timezone.now())
        asked = proving.ask_all(run=run, now=run.started_at)
        self.stdout.write(f"{asked} meters asked.")
        until = time.monotonic() + options["wait"]
        while proving.waits_for(run) and time.monotonic() < until:
            time.sleep(1)
        run = proving.close_run(run_id=run.pk, now=timezone.now())
        with everything("daily proof: the landlords' findings, by name"):
            findings = ProofFinding.objects.filter(run=run).select_related("landlord", "meter__room")
            for row in findings.order_by("id"):
                self.stdout.write(
                    f"{row.landlord}: meter {row.meter.serial} ({row.meter.room}) shows {row.shown_kwh} kWh, "
                    f"of that {row.opening_kwh} before us; the ledger gave it {row.booked_kwh} kWh, "
                    f"a difference of {row.difference_kwh} kWh: {row.get_act_display()}."
                )
        self.stdout.write(f"{run.compared} compared, {run.differing} differ, {run.unreachable} not reached.")
        if run.is_alarm:
            raise CommandError("So many differ at once that our own reading is suspect; nothing was frozen.")
        if run.differing:
            raise CommandError(f"{run.differing} meters differ from the ledger.")

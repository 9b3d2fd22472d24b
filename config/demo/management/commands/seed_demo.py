"""Fill an empty database with the demo's people and meters; may run at every start."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from config.demo.seed import HUNG_DAYS, seed


class Command(BaseCommand):
    help = "Make the demo's landlords, renters and meters, and write seed.json and fleet.json."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--var", type=Path, required=True, help="where sandbox/merchants.json is")

    def handle(self, *args: Any, **options: Any) -> None:
        seed(options["var"], now=timezone.now(), hung_days=HUNG_DAYS)

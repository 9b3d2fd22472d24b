"""Fetch the platforms' bills of one day again and hold them against the books; says what differs."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.accounts.models import Landlord
from apps.common.errors import Refused
from apps.common.scoping import landlord_scope
from apps.income.models import BillDay, CollectionAccount
from apps.income.services.bills import take_bill


class Command(BaseCommand):
    help = "Compare one day's bills once more, of all landlords or of one. Exit 1 if a bill is missing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--day", required=True, help="Beijing day of the bill, YYYY-MM-DD")
        parser.add_argument("--landlord", help="one landlord's id")
        parser.add_argument("--channel", choices=["wechat", "alipay"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            day = date.fromisoformat(options["day"])
        except ValueError:
            raise CommandError("Give --day as YYYY-MM-DD.") from None
        landlords = Landlord.objects.order_by("id")
        if options["landlord"]:
            landlords = landlords.filter(pk=options["landlord"])
        missing = 0
        for landlord in landlords:
            with landlord_scope(landlord.pk):
                accounts = CollectionAccount.objects.filter(is_active=True)
                if options["channel"]:
                    accounts = accounts.filter(channel=options["channel"])
                chosen = list(accounts.order_by("channel"))
            for account in chosen:
                try:
                    bill = take_bill(
                        landlord_id=landlord.pk,
                        account_id=account.pk,
                        day=day,
                        now=timezone.now(),
                        again=True,
                    )
                except Refused as refusal:
                    raise CommandError(str(refusal.detail)) from None
                missing += self._say(landlord, account, bill)
        if missing:
            raise CommandError(f"{missing} bills could not be taken; each is asked for again by itself.")

    def _say(self, landlord: Landlord, account: CollectionAccount, bill: BillDay | None) -> int:
        assert bill is not None
        if bill.state != BillDay.State.TAKEN:
            self.stdout.write(f"{landlord} {account.channel}: no bill ({bill.said}).")
            return 1
        with landlord_scope(landlord.pk):
            rows = list(bill.differences.order_by("id"))
        self.stdout.write(
            f"{landlord} {account.channel}: bill {bill.bill_paid_yuan} yuan, books {bill.ours_paid_yuan} yuan, "
            f"{len(rows)} differences."
        )
        for row in rows:
            self.stdout.write(f"  {row.kind} {row.why} {row.number} {row.state}")
        return 0

"""What a platform says of one day, and where that differs from our books."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.fields import amount_yuan_field, energy_field, ledger_amount_field
from apps.common.reach import OverAllSites
from apps.common.scoping import ScopedModel
from apps.income.models.account import CollectionAccount
from apps.income.models.payment import Payment
from apps.income.models.refund import Refund
from apps.income.platforms.bills import LineKind
from apps.income.reconciliation import Kind
from apps.meters.models import Meter


class BillDay(ScopedModel):
    """The bill of one collection account and one Beijing day: waited for, or taken and held against our books.

    `ours_*` are our own figures of what the bill names or should name, so that the difference is what the
    differences below it come to, to the fen.
    """

    reach = OverAllSites()

    class State(models.TextChoices):
        WAITING = "WAITING", _("waiting for the platform")
        TAKEN = "TAKEN", _("compared")

    account = models.ForeignKey(
        CollectionAccount,
        on_delete=models.PROTECT,
        related_name="bills",
        verbose_name=_("collection account"),
    )
    day = models.DateField(_("day"))
    state = models.CharField(_("state"), max_length=8, default=State.WAITING, choices=State.choices)
    said = models.CharField(max_length=64, blank=True)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    taken_at = models.DateTimeField(_("compared at"), null=True)
    bill_payments = models.PositiveIntegerField(default=0)
    bill_paid_yuan = amount_yuan_field(verbose_name=_("paid, by the bill"), default=0)
    bill_refunded_yuan = amount_yuan_field(verbose_name=_("given back, by the bill"), default=0)
    bill_fee_yuan = ledger_amount_field(verbose_name=_("channel fee"), default=0)
    ours_payments = models.PositiveIntegerField(default=0)
    ours_paid_yuan = amount_yuan_field(verbose_name=_("paid, by our books"), default=0)
    ours_refunded_yuan = amount_yuan_field(verbose_name=_("given back, by our books"), default=0)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("daily bill")
        verbose_name_plural = _("reconciliation")
        constraints = [
            models.UniqueConstraint(fields=["landlord", "account", "day"], name="income_bill_once_a_day"),
            models.CheckConstraint(
                condition=Q(state="TAKEN", taken_at__isnull=False) | Q(state="WAITING", taken_at=None),
                name="income_bill_taken_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="WAITING"), name="income_bill_waiting"),
            models.Index(fields=["landlord", "-day"], name="income_bill_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.day}"

    @property
    def difference_yuan(self) -> Decimal:
        """What the bill has more than our books, net of what went back."""
        return (self.bill_paid_yuan - self.bill_refunded_yuan) - (
            self.ours_paid_yuan - self.ours_refunded_yuan
        )


class BillRow(ScopedModel):
    """One line of a bill, as the platform wrote it; without who paid."""

    reach = OverAllSites()

    bill = models.ForeignKey(BillDay, on_delete=models.PROTECT, related_name="rows")
    kind = models.CharField(max_length=7, choices=[(kind.value, kind.value) for kind in LineKind])
    merchant_id = models.CharField(max_length=40)
    out_trade_no = models.CharField(max_length=64)
    transaction_id = models.CharField(max_length=64)
    out_refund_no = models.CharField(max_length=64, blank=True)
    amount_yuan = amount_yuan_field()
    fee_yuan = ledger_amount_field()
    happened_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        abstract = False
        indexes = [models.Index(fields=["landlord", "out_refund_no"], name="income_bill_row_refund")]

    def __str__(self) -> str:
        return self.out_refund_no or self.out_trade_no


class Difference(ScopedModel):
    """Something a bill, our books and the meters do not agree on: of one kind, named once within its bill.

    HEALED was put right by the comparison itself; SETTLED by a person, or because a later run no longer found it.
    """

    reach = OverAllSites()

    class State(models.TextChoices):
        OPEN = "OPEN", _("to look at")
        HEALED = "HEALED", _("put right by itself")
        SETTLED = "SETTLED", _("settled")

    bill = models.ForeignKey(BillDay, on_delete=models.PROTECT, related_name="differences")
    kind = models.CharField(_("kind"), max_length=16, choices=[(kind.value, kind.value) for kind in Kind])
    why = models.CharField(max_length=16, blank=True)
    number = models.CharField(_("number"), max_length=64)
    payment = models.ForeignKey(Payment, null=True, on_delete=models.PROTECT, related_name="differences")
    refund = models.ForeignKey(Refund, null=True, on_delete=models.PROTECT, related_name="differences")
    meter = models.ForeignKey(Meter, null=True, on_delete=models.PROTECT, related_name="differences")
    bill_yuan = amount_yuan_field(null=True)
    ours_yuan = amount_yuan_field(null=True)
    bill_kwh = energy_field(null=True)
    ours_kwh = energy_field(null=True)
    state = models.CharField(_("state"), max_length=7, default=State.OPEN, choices=State.choices)
    found_at = models.DateTimeField(_("found"))
    settled_at = models.DateTimeField(_("settled"), null=True)
    settled_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "bill", "kind", "number", "why"], name="income_difference_once"
            ),
            models.CheckConstraint(
                condition=Q(state="SETTLED", settled_at__isnull=False)
                | (~Q(state="SETTLED") & Q(settled_at=None)),
                name="income_difference_settled_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["landlord", "bill"], condition=Q(state="OPEN"), name="income_difference_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"

"""Energy on its way into a meter: from a payment, cash, a gift or a correction."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.fields import energy_field, ledger_amount_field, price_field
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.income.models.payment import Payment
from apps.income.states import RechargeKind, RechargeState
from apps.meters.models import Command, Meter

_KINDS = [
    (RechargeKind.PAYMENT.value, _("payment")),
    (RechargeKind.CASH.value, _("cash")),
    (RechargeKind.GIFT.value, _("gift")),
    (RechargeKind.CORRECTION.value, _("correction")),
    (RechargeKind.IMPORT.value, _("bought elsewhere")),
    (RechargeKind.GRACE.value, _("grace")),
]
_STATES = [
    (RechargeState.OPEN.value, _("on its way")),
    (RechargeState.CREDITED.value, _("in the meter")),
    (RechargeState.CANCELLED.value, _("cancelled")),
]


class Recharge(ScopedModel):
    """One recharge and its one credit command, made in the same transaction as what paid for it.

    amount + carried in = (energy + repaid) x price + carried out, exactly; the database checks it. `energy_kwh` is what
    goes into the meter; `repaid_kwh` was bought as well, and repays energy that was lent to the same holder.

    `payment` is the one it stands for. `former_payment` instead, once it was taken back and another recharge stands
    for what is left of that payment after a part has gone back.
    """

    reach = Through("meter")

    meter = models.ForeignKey(
        Meter, on_delete=models.PROTECT, related_name="recharges", verbose_name=_("meter")
    )
    command = models.OneToOneField(Command, on_delete=models.PROTECT, related_name="recharge")
    payment = models.OneToOneField(Payment, null=True, on_delete=models.PROTECT, related_name="recharge")
    former_payment = models.ForeignKey(
        Payment, null=True, on_delete=models.PROTECT, related_name="former_recharges"
    )
    kind = models.CharField(_("kind"), max_length=10, choices=_KINDS)
    state = models.CharField(_("state"), max_length=10, default=RechargeState.OPEN, choices=_STATES)
    holder = models.CharField(max_length=48)
    amount_yuan = ledger_amount_field(verbose_name=_("amount"))
    carried_in_yuan = ledger_amount_field()
    carried_out_yuan = ledger_amount_field()
    price_yuan_per_kwh = price_field(verbose_name=_("price"))
    energy_kwh = energy_field(verbose_name=_("energy"))
    repaid_kwh = energy_field(verbose_name=_("repays"), default=Decimal("0.00"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    made_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("time"))
    credited_at = models.DateTimeField(_("in the meter since"), null=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("recharge")
        verbose_name_plural = _("recharges")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="PAYMENT", payment__isnull=False, former_payment=None)
                | Q(kind="PAYMENT", payment=None, former_payment__isnull=False, state="CANCELLED")
                | (~Q(kind="PAYMENT") & Q(payment=None, former_payment=None)),
                name="income_recharge_payment_kind_has_payment",
            ),
            models.CheckConstraint(condition=Q(energy_kwh__gt=0), name="income_recharge_has_energy"),
            models.CheckConstraint(
                condition=Q(
                    amount_yuan=(models.F("energy_kwh") + models.F("repaid_kwh"))
                    * models.F("price_yuan_per_kwh")
                    + models.F("carried_out_yuan")
                    - models.F("carried_in_yuan")
                )
                | Q(kind__in=["GIFT", "CORRECTION", "IMPORT", "GRACE"], amount_yuan=0, repaid_kwh=0),
                name="income_recharge_sum_is_exact",
            ),
            models.CheckConstraint(condition=Q(repaid_kwh__gte=0), name="income_recharge_repays_no_less"),
        ]
        indexes = [
            models.Index(fields=["landlord", "meter", "-id"], name="income_recharge_by_meter"),
            models.Index(fields=["landlord", "id"], condition=Q(state="OPEN"), name="income_recharge_open"),
        ]

    def __str__(self) -> str:
        return f"{self.energy_kwh} kWh"

    @property
    def bought_kwh(self) -> Decimal:
        """What was paid for: the meter's part and what repays a grace."""
        return self.energy_kwh + self.repaid_kwh

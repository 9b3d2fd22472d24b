"""What was left over of a lease, and went back to its renter by hand."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.fields import amount_yuan_field, ledger_amount_field
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.meters.models import Lease
from apps.tariffs.pricing import FEN_YUAN


class Payout(ScopedModel):
    """The carried remainder of an ended lease, handed back in cash; never changed (grants and a trigger).

    `amount_yuan` is `remainder_yuan` rounded up to the fen; the database checks it. `turn` counts from 1: money that
    came in late, or was taken back after the end, leaves a second remainder and with it a second payout.
    """

    reach = Through("lease")

    lease = models.ForeignKey(
        Lease, on_delete=models.PROTECT, related_name="payouts", verbose_name=_("lease")
    )
    turn = models.PositiveSmallIntegerField()
    remainder_yuan = ledger_amount_field()
    amount_yuan = amount_yuan_field(verbose_name=_("amount"))
    reason = models.CharField(_("reason"), max_length=200)
    made_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("by")
    )
    paid_at = models.DateTimeField(_("time"))

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        constraints = [
            models.UniqueConstraint(fields=["landlord", "lease", "turn"], name="income_payout_once_a_turn"),
            models.CheckConstraint(
                condition=Q(
                    remainder_yuan__gt=0,
                    amount_yuan__gte=F("remainder_yuan"),
                    amount_yuan__lt=F("remainder_yuan") + FEN_YUAN,
                ),
                name="income_payout_is_rounded_up_to_the_fen",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_yuan}"

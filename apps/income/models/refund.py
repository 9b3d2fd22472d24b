"""Money on its way back to a payer, the way it came."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.fields import amount_yuan_field
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.income.models.payment import Payment
from apps.income.states import FinishWay, RefundState, RefundWay


class Refund(ScopedModel):
    """One refund of one payment. The row is committed before the platform is called; whatever happens, asking again
    keeps `out_refund_no`, and then the money goes back once.

    WAITING is a refund whose energy may be in the meter: its platform is not asked before the meter has spoken.
    `finish_way` says where it goes since the payer's card has not taken it; which card is told to the platform alone.
    A trigger holds that all refunds of a payment but the CLOSED ones never exceed what was paid.
    """

    reach = Through("payment")

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="refunds", verbose_name=_("payment")
    )
    out_refund_no = models.CharField(_("refund number"), max_length=32)
    amount_yuan = amount_yuan_field(verbose_name=_("amount"))
    state = models.CharField(
        _("state"),
        max_length=10,
        default=RefundState.CREATED,
        choices=[(s.value, s.value) for s in RefundState],
    )
    way = models.CharField(
        _("way"), max_length=7, default=RefundWay.CHANNEL, choices=[(w.value, w.value) for w in RefundWay]
    )
    finish_way = models.CharField(
        _("other way"), max_length=8, blank=True, choices=[(w.value, w.value) for w in FinishWay]
    )
    reason = models.CharField(_("reason"), max_length=200)
    made_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("by")
    )
    review_reason = models.CharField(_("why it needs a look"), max_length=200, blank=True)
    evidence = models.JSONField(default=dict)
    created_at = models.DateTimeField(_("created"))
    done_at = models.DateTimeField(_("gone back"), null=True)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(fields=["landlord", "out_refund_no"], name="income_refund_no_once"),
            models.CheckConstraint(condition=Q(amount_yuan__gt=0), name="income_refund_is_positive"),
            models.CheckConstraint(
                condition=Q(way="CHANNEL") | Q(way="HAND", state="DONE"),
                name="income_refund_by_hand_is_done",
            ),
            models.CheckConstraint(
                condition=Q(state="DONE", done_at__isnull=False) | (~Q(state="DONE") & Q(done_at=None)),
                name="income_refund_done_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"], condition=Q(state__in=["CREATED", "PROCESSING"]), name="income_refund_due"
            )
        ]

    def __str__(self) -> str:
        return self.out_refund_no

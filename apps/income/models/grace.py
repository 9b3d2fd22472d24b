"""Energy lent to a renter whose meter is at zero, until her next recharge repays it."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.fields import amount_yuan_field
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.income.models.recharge import Recharge
from apps.income.states import DEBTS, OPEN_GRACES, GraceState

_STATES = [
    (GraceState.GIVEN.value, _("on its way")),
    (GraceState.OWED.value, _("owed")),
    (GraceState.REPAYING.value, _("being repaid")),
    (GraceState.REPAID.value, _("repaid")),
    (GraceState.PAID.value, _("paid in cash")),
    (GraceState.FORGIVEN.value, _("forgiven")),
    (GraceState.CANCELLED.value, _("cancelled")),
]


class Grace(ScopedModel):
    """A bounded energy that a member lent, delivered as a credit like any other, so that the meter trips at its end.

    `recharge` brought it: how much, to which meter, at what price of that day, why and by whom. `holder` owes it: the
    lease, which keeps the debt when it ends, or the vacant meter. `repaid_by` is the recharge of which a part repays
    it. `wish_version` is the switching on that goes with it: a newer wish outdoes it. `paid_yuan` is cash taken for it.
    """

    reach = Through("recharge")

    recharge = models.OneToOneField(Recharge, on_delete=models.PROTECT, related_name="grace")
    holder = models.CharField(max_length=48)
    state = models.CharField(_("state"), max_length=10, default=GraceState.GIVEN, choices=_STATES)
    wish_version = models.PositiveIntegerField()
    repaid_by = models.OneToOneField(
        Recharge, null=True, on_delete=models.PROTECT, related_name="repaid_grace"
    )
    paid_yuan = amount_yuan_field(default=Decimal("0.00"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    ended_reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("grace")
        verbose_name_plural = _("graces")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "holder"],
                condition=Q(state__in=sorted(OPEN_GRACES)),
                name="income_grace_one_open",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["REPAYING", "REPAID"], repaid_by__isnull=False)
                | (~Q(state__in=["REPAYING", "REPAID"]) & Q(repaid_by=None)),
                name="income_grace_repaid_by_a_recharge",
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(OPEN_GRACES), ended_at=None)
                | (~Q(state__in=sorted(OPEN_GRACES)) & Q(ended_at__isnull=False)),
                name="income_grace_ended_has_time",
            ),
        ]

    def __str__(self) -> str:
        return str(self.recharge)

    @property
    def energy_kwh(self) -> Decimal:
        return self.recharge.energy_kwh

    @property
    def worth_yuan(self) -> Decimal:
        """What it was worth on the day it was lent, six places."""
        return self.recharge.energy_kwh * self.recharge.price_yuan_per_kwh

    @property
    def is_debt(self) -> bool:
        """It is in the meter and not repaid."""
        return self.state in DEBTS

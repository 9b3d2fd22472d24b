"""Who lives behind a meter, and the links that open its page."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Renter, User
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.meters.models.meter import Meter


class Lease(ScopedModel):
    """A renter behind a meter in `[starts_at, ends_at)`; two leases of a meter never overlap."""

    reach = Through("meter")

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, verbose_name=_("meter"))
    renter = models.ForeignKey(Renter, on_delete=models.PROTECT, related_name="+", verbose_name=_("renter"))
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("lease")
        verbose_name_plural = _("leases")
        constraints = [
            ExclusionConstraint(
                name="meters_lease_never_overlaps",
                expressions=[
                    ("landlord", RangeOperators.EQUAL),
                    ("meter", RangeOperators.EQUAL),
                    (Func(F("starts_at"), F("ends_at"), function="tstzrange"), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="meters_lease_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.renter} · {self.meter}"


class Share(ScopedModel):
    """A link the landlord gave away: opens the meter's page, and takes up the lease it was made for.

    Its token stands nowhere; a door keeps its hash.
    """

    reach = Through("meter")

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="shares")
    lease = models.ForeignKey(Lease, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d}"

"""The daily proof on record: one row a run, one for each meter that differed in it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.fields import energy_field
from apps.common.ids import uuid7
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.meters.models import Meter


class ProofRun(models.Model):
    """One comparison of all meters with the ledger. A meter counts once it was read after `started_at`.

    Open until all that are online were read, or the time for it is over. `is_alarm`: so many differed that none
    was frozen. `oldest_at` is the oldest last read among the meters that were not reached.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    started_at = models.DateTimeField(_("started"))
    closed_at = models.DateTimeField(_("ended"), null=True)
    by_hand = models.BooleanField(default=False)
    compared = models.PositiveIntegerField(_("compared"), default=0)
    differing = models.PositiveIntegerField(_("differing"), default=0)
    unreachable = models.PositiveIntegerField(_("not reached"), default=0)
    oldest_at = models.DateTimeField(null=True)
    is_alarm = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("daily proof")
        verbose_name_plural = _("daily proofs")

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class ProofFinding(ScopedModel):
    """One meter whose cumulative purchased energy was not the ledger's, and what was done about it."""

    reach = Through("meter")

    class Act(models.TextChoices):
        FROZEN = "FROZEN", _("frozen")
        WAS_FROZEN = "WAS_FROZEN", _("frozen before")
        LEFT = "LEFT", _("left alone: too many differed at once")

    run = models.ForeignKey(ProofRun, on_delete=models.PROTECT, related_name="findings")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+")
    device_epoch = models.PositiveIntegerField()
    shown_kwh = energy_field()
    opening_kwh = energy_field()
    booked_kwh = energy_field()
    difference_kwh = energy_field()
    act = models.CharField(max_length=12, choices=Act.choices)

    class Meta(ScopedModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["landlord", "run", "meter"], name="income_finding_once_a_run")
        ]

    def __str__(self) -> str:
        return f"{self.difference_kwh} kWh"

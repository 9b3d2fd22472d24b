"""What a meter said, and when. Counters are absolute; consumption is derived, never stored."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.fields import energy_field
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.meters.models import Meter


class Reading(ScopedModel):
    """Total and remaining energy of one instant, from one answer. The same instant is never written twice.

    The table is partitioned by month of `taken_at` (`months.py`), so every key of it holds that column too.
    """

    reach = Through("meter")

    partitioned_by = "taken_at"

    class Source(models.TextChoices):
        NETWORK = "NETWORK", _("network")
        PHONE = "PHONE", _("Bluetooth")
        PUSH = "PUSH", _("sent by the meter")

    meter = models.ForeignKey(
        Meter, on_delete=models.PROTECT, related_name="readings", verbose_name=_("meter")
    )
    taken_at = models.DateTimeField(_("taken"))
    received_at = models.DateTimeField(_("received"))
    source = models.CharField(_("source"), max_length=8, choices=Source.choices)
    device_epoch = models.PositiveIntegerField()
    total_kwh = energy_field(verbose_name=_("total energy"))
    remaining_kwh = energy_field(verbose_name=_("remaining energy"))
    purchased_kwh = energy_field(null=True)
    purchase_count = models.PositiveIntegerField(null=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "meter", "taken_at"], name="readings_reading_instant_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.remaining_kwh} kWh"


class DailyReading(ScopedModel):
    """Where a meter's total stood at the midnight that closed a local date; one per meter and date.

    What the day used is the difference to the day before, and is not stored. A day nobody can vouch for has no
    row: a gap stays a gap and is never a zero. `remaining_kwh` is NULL where only the meter's own freeze is
    known, which holds totals alone.
    """

    reach = Through("meter")

    class Source(models.TextChoices):
        FREEZE = "FREEZE", _("the meter's midnight freeze")
        NEAREST = "NEAREST", _("the reading nearest to midnight")

    meter = models.ForeignKey(
        Meter, on_delete=models.PROTECT, related_name="daily_readings", verbose_name=_("meter")
    )
    date = models.DateField(_("date"))
    device_epoch = models.PositiveIntegerField()
    total_kwh = energy_field(verbose_name=_("total energy"))
    remaining_kwh = energy_field(verbose_name=_("remaining energy"), null=True)
    taken_at = models.DateTimeField(_("taken"))
    source = models.CharField(_("source"), max_length=8, choices=Source.choices)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("daily reading")
        verbose_name_plural = _("daily readings")
        constraints = [
            models.UniqueConstraint(fields=["landlord", "meter", "date"], name="readings_day_once")
        ]

    def __str__(self) -> str:
        return f"{self.date}"


class QuarantinedReading(ScopedModel):
    """A reading whose total rose by more than can have passed through the meter; shown and counted nowhere.

    `before_kwh` at `before_at` is the reading it was held against, `most_kwh` what its model lets through meanwhile.
    """

    reach = Through("meter")

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+", verbose_name=_("meter"))
    taken_at = models.DateTimeField(_("taken"))
    received_at = models.DateTimeField(_("received"))
    source = models.CharField(_("source"), max_length=8, choices=Reading.Source.choices)
    device_epoch = models.PositiveIntegerField()
    total_kwh = energy_field(verbose_name=_("total energy"))
    remaining_kwh = energy_field(verbose_name=_("remaining energy"))
    before_kwh = energy_field()
    before_at = models.DateTimeField()
    most_kwh = energy_field()

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("quarantined reading")
        verbose_name_plural = _("quarantined readings")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "meter", "taken_at"], name="readings_quarantined_instant_once"
            ),
            models.CheckConstraint(
                condition=models.Q(total_kwh__gt=models.F("before_kwh") + models.F("most_kwh")),
                name="readings_quarantined_jumped",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.total_kwh} kWh"

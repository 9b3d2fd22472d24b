"""A device hung in a room, and what has been proved about it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.fields import energy_field
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.meters.models.place import Room
from apps.meters.states import Frozen, PowerReason


class Meter(ScopedModel):
    """A device hung in a room, and what has been proved about it.

    `purchase_count` and `purchased_kwh` are KNOWN together, proved by a read; both NULL is UNKNOWN, and then a
    read goes before any credit. `device_epoch` is one body of the meter: a swap or reset starts the next, and
    with it a new number space. `shown_…` is what the newest read showed, proved or not, and `differs_since` notes
    that it is not what was proved. There is no balance here: what the meter said last is a reading.
    """

    reach = Through("room")

    serial = models.CharField(_("serial"), max_length=12)
    profile = models.CharField(_("model"), max_length=40)
    qr_token = models.CharField(max_length=64)
    room = models.ForeignKey(Room, on_delete=models.PROTECT, verbose_name=_("room"))
    note = models.CharField(_("location note"), max_length=120, blank=True)
    device_epoch = models.PositiveIntegerField(default=1)

    purchase_count = models.PositiveIntegerField(_("purchase count"), null=True, editable=False)
    purchased_kwh = energy_field(verbose_name=_("purchased energy"), null=True, editable=False)
    opening_purchased_kwh = energy_field(verbose_name=_("purchased before us"), null=True, editable=False)
    customer_no = models.CharField(_("customer number"), max_length=12, blank=True, editable=False)
    count_proved_at = models.DateTimeField(null=True, editable=False)

    shown_count = models.PositiveIntegerField(null=True, editable=False)
    shown_purchased_kwh = energy_field(null=True, editable=False)
    shown_at = models.DateTimeField(null=True, editable=False)
    differs_since = models.DateTimeField(null=True, editable=False)

    frozen = models.CharField(
        _("credit queue frozen"), max_length=20, blank=True, choices=[(f.value, f.value) for f in Frozen]
    )
    frozen_at = models.DateTimeField(null=True, editable=False)
    frozen_evidence = models.JSONField(default=dict, editable=False)

    power_on = models.BooleanField(_("power"), null=True, editable=False)
    power_reason = models.CharField(
        max_length=16, blank=True, choices=[(r.value, r.value) for r in PowerReason]
    )
    power_at = models.DateTimeField(null=True, editable=False)
    power_kept = models.BooleanField(_("power kept on"), null=True, editable=False)
    lamp_on = models.BooleanField(_("alarm lamp"), null=True, editable=False)
    account_opened = models.BooleanField(_("account opened"), null=True, editable=False)
    wish_version = models.PositiveIntegerField(default=0, editable=False)
    wished_on = models.BooleanField(null=True, editable=False)

    low_below_kwh = energy_field(verbose_name=_("warn below"), default=10)
    claimed_at = models.DateTimeField(_("added"))
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "serial"], condition=Q(archived_at=None), name="meters_meter_serial_once"
            ),
            models.CheckConstraint(
                condition=Q(purchase_count=None, purchased_kwh=None)
                | Q(purchase_count__isnull=False, purchased_kwh__isnull=False),
                name="meters_meter_count_and_energy_known_together",
            ),
        ]

    def __str__(self) -> str:
        return str(self.room)

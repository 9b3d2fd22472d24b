"""Prices of a meter. One holds from its start until the next one starts, so no two can overlap."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.fields import price_field
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.meters.models import Meter


class Price(ScopedModel):
    """What one kWh costs at a meter from `active_from` on. Never edited: a change is a new row."""

    reach = Through("meter")

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="prices", verbose_name=_("meter"))
    price_yuan_per_kwh = price_field(verbose_name=_("price"))
    active_from = models.DateTimeField(_("from"))
    set_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "meter", "active_from"], name="tariffs_price_start_once"
            ),
            models.CheckConstraint(condition=Q(price_yuan_per_kwh__gt=0), name="tariffs_price_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.price_yuan_per_kwh}"

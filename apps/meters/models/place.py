"""Where meters hang: sites and rooms."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.reach import Itself, Through
from apps.common.scoping import ScopedModel


class Site(ScopedModel):
    """A house, an apartment block, a campus: a place with one time zone."""

    reach = Itself()

    class Kind(models.TextChoices):
        RENTAL = "RENTAL", _("rental housing")
        APARTMENT = "APARTMENT", _("apartments")
        PROPERTY = "PROPERTY", _("property management")
        PARK = "PARK", _("business park")
        CAMPUS = "CAMPUS", _("campus")

    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.RENTAL)
    time_zone = models.CharField(_("time zone"), max_length=40, default="Asia/Shanghai")

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        constraints = [models.UniqueConstraint(fields=["landlord", "name"], name="meters_site_name")]

    def __str__(self) -> str:
        return self.name


class Room(ScopedModel):
    """Building > floor > room, as people say it."""

    reach = Through("site")

    site = models.ForeignKey(Site, on_delete=models.PROTECT, verbose_name=_("site"))
    building = models.CharField(_("building"), max_length=40, blank=True)
    floor = models.CharField(_("floor"), max_length=20, blank=True)
    name = models.CharField(_("room"), max_length=40)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        constraints = [
            models.UniqueConstraint(fields=["landlord", "site", "building", "name"], name="meters_room_once")
        ]

    def __str__(self) -> str:
        return f"{self.building} {self.name}".strip()

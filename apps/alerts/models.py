"""What people are told: alerts in the landlord's inbox, subscriptions of renters, messages on their way."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.fields import energy_field
from apps.common.outgoing import OutgoingMessage
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.meters.models import Lease, Meter


class Alert(ScopedModel):
    """One crossing of one line by one meter, its recharges put on hold, or its lease over: raised once."""

    reach = Through("meter")

    class Kind(models.TextChoices):
        LOW_BALANCE = "LOW_BALANCE", _("low energy")
        SWITCHED_OFF = "SWITCHED_OFF", _("switched off at zero")
        FROZEN = "FROZEN", _("recharges on hold")
        LEASE_ENDED = "LEASE_ENDED", _("lease over")

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="alerts", verbose_name=_("meter"))
    kind = models.CharField(_("alert"), max_length=16, choices=Kind.choices)
    remaining_kwh = energy_field(verbose_name=_("remaining energy"), null=True)
    raised_at = models.DateTimeField(_("since"))
    cleared_at = models.DateTimeField(_("over since"), null=True)
    acknowledged_at = models.DateTimeField(_("seen"), null=True)
    acknowledged_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "meter", "kind"],
                condition=Q(cleared_at=None),
                name="alerts_alert_one_open_per_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.meter}: {self.get_kind_display()}"


class Subscription(ScopedModel):
    """A renter who wants to be told when her meter runs low, for as long as her lease lasts."""

    reach = Through("lease")

    lease = models.ForeignKey(Lease, on_delete=models.PROTECT, related_name="subscriptions")
    phone = models.CharField(max_length=20)
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "lease"], condition=Q(ended_at=None), name="alerts_subscription_once"
            )
        ]

    def __str__(self) -> str:
        return f"…{self.phone[-4:]}"


class Message(OutgoingMessage):
    """One message about one alert to one phone: a row first, sent afterwards, at most once per alert and phone."""

    reach = Through("alert")

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="messages")

    class Meta(OutgoingMessage.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["landlord", "alert", "phone"], name="alerts_message_once")
        ]
        indexes = [models.Index(fields=["next_at"], condition=Q(state="WAITING"), name="alerts_message_due")]

    def __str__(self) -> str:
        return f"{self.state} …{self.phone[-4:]}"

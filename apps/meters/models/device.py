"""Devices, unowned, because serials are unique across landlords; and which gateway holds a socket."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.ids import uuid7


class StockedMeter(models.Model):
    """A device the operator has handled: its printed serial, its model's profile, the token in its QR code.

    The QR code is public, it hangs on a wall; claiming needs the second secret, the code on the card in the box.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    serial = models.CharField(_("serial"), max_length=12, unique=True)
    profile = models.CharField(_("profile"), max_length=40)
    qr_token = models.CharField(max_length=64, unique=True)
    claim_code_hash = models.CharField(max_length=64, blank=True)
    claim_tries = models.PositiveSmallIntegerField(default=0)
    claim_blocked_until = models.DateTimeField(null=True, blank=True)
    stocked_at = models.DateTimeField(_("stocked"), null=True, blank=True)
    barred_at = models.DateTimeField(_("barred"), null=True, blank=True)

    class Meta:
        verbose_name = _("stocked meter")
        verbose_name_plural = _("stock")
        constraints = [
            models.CheckConstraint(
                condition=Q(serial__regex=r"^\d{12}$"), name="meters_stock_serial_12_digits"
            )
        ]

    def __str__(self) -> str:
        return self.serial


class StockEvent(models.Model):
    """Who did what to a device in stock; one line an act, never changed (grants, a trigger). `by` NULL is the system.

    The audit is a landlord's, and a device in its box has none.
    """

    class Act(models.TextChoices):
        TAKEN_IN = "TAKEN_IN", _("taken into stock")
        CARD = "CARD", _("new claim code, with a card")
        BARRED = "BARRED", _("taken out of service")
        ALLOWED = "ALLOWED", _("allowed again")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    stocked = models.ForeignKey(StockedMeter, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(_("time"))
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    act = models.CharField(_("act"), max_length=10, choices=Act.choices)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.act} {self.at:%Y-%m-%d}"


class Gateway(models.Model):
    """One start of a gateway process; its stream dies with it."""

    name = models.CharField(_("name"), max_length=80, primary_key=True)
    node = models.CharField(_("node"), max_length=40)
    stream = models.CharField(max_length=120)
    hello_at = models.DateTimeField(_("last hello"))
    is_alive = models.BooleanField(_("alive"), default=True)

    class Meta:
        verbose_name = _("gateway")
        verbose_name_plural = _("gateways")

    def __str__(self) -> str:
        return self.name


class Presence(models.Model):
    """Which gateway holds a serial's socket. `epoch` rises by one with each granted login and fences the old one.

    Written in batches and apart from the meter, so that a reconnecting fleet does not lock money's rows.
    """

    serial = models.CharField(_("serial"), max_length=12, primary_key=True)
    gateway = models.ForeignKey(Gateway, null=True, on_delete=models.SET_NULL, db_constraint=False)
    session = models.UUIDField(null=True)
    epoch = models.PositiveBigIntegerField(_("session number"), default=0)
    is_online = models.BooleanField(_("online"), default=False)
    since = models.DateTimeField(_("since"), null=True)
    seen_at = models.DateTimeField(_("last seen"), null=True)
    clock_drift_s = models.IntegerField(_("clock ahead by seconds"), null=True)
    clock_seen_at = models.DateTimeField(null=True)
    stormed_at = models.DateTimeField(_("fought over"), null=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return f"****{self.serial[-4:]}"

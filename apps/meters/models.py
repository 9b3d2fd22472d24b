"""Devices and what is asked of them.

A meter is where a landlord hangs a device; the device's own number, and which gateway holds its socket, stand
on unowned tables, because serials are unique across landlords and sockets are nobody's business.
"""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Renter, User
from apps.common.fields import energy_field
from apps.common.ids import uuid7
from apps.common.scoping import ScopedModel
from apps.meters.phone_session import PhoneSession as PhoneSession
from apps.meters.states import (
    CREDIT_KINDS,
    FINAL,
    CommandKind,
    CommandState,
    Frozen,
    Outcome,
    PowerReason,
    Purpose,
)


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
    epoch = models.PositiveBigIntegerField(default=0)
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


class Site(ScopedModel):
    """A house, an apartment block, a campus: a place with one time zone."""

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


class Meter(ScopedModel):
    """A device hung in a room, and what has been proved about it.

    `purchase_count` and `purchased_kwh` are KNOWN together, proved by a read; both NULL is UNKNOWN, and then a
    read goes before any credit. `device_epoch` is one body of the meter: a swap or reset starts the next, and
    with it a new number space. `shown_…` is what the newest read showed, proved or not, and `differs_since` notes
    that it is not what was proved. There is no balance here: what the meter said last is a reading.
    """

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


class Lease(ScopedModel):
    """A renter behind a meter in `[starts_at, ends_at)`; two leases of a meter never overlap."""

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

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="shares")
    lease = models.ForeignKey(Lease, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d}"


class Command(ScopedModel):
    """Anything we ask a meter to do, kept for ever.

    For a credit `number` is the purchase count the meter shall reach; from the moment it is set, `frames` holds
    the very bytes that may leave, and neither ever changes. A credit has no expiry: it was paid for.
    `device_epoch` is the body it was asked of, and of a numbered one the body that counts it. `closing` is what a
    reset's meter showed last.
    """

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, verbose_name=_("meter"))
    kind = models.CharField(_("command"), max_length=12, choices=[(k.value, k.value) for k in CommandKind])
    state = models.CharField(
        _("state"),
        max_length=10,
        default=CommandState.QUEUED,
        choices=[(s.value, s.value) for s in CommandState],
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    requested_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField()
    final_at = models.DateTimeField(_("ended"), null=True)
    attempts = models.PositiveIntegerField(default=0)
    refusals = models.PositiveIntegerField(default=0)

    device_epoch = models.PositiveIntegerField()
    energy_kwh = energy_field(verbose_name=_("energy"), null=True)
    number = models.PositiveIntegerField(_("number"), null=True)
    frames = models.JSONField(default=list)
    customer_no = models.CharField(max_length=12, blank=True)
    purchased_before_kwh = energy_field(null=True)
    wish_version = models.PositiveIntegerField(null=True)
    freeze_date = models.DateField(null=True)
    closing = models.JSONField(default=dict)
    result = models.JSONField(default=dict)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "meter", "device_epoch", "number"], name="meters_command_number_once"
            ),
            models.UniqueConstraint(
                fields=["landlord", "meter"],
                condition=Q(kind__in=sorted(CREDIT_KINDS), number__isnull=False)
                & ~Q(state__in=sorted(FINAL)),
                name="meters_command_one_unproved_credit",
            ),
            models.CheckConstraint(
                condition=~Q(kind="CREDIT") | Q(energy_kwh__gt=0, expires_at=None),
                name="meters_command_credit_has_energy_and_no_expiry",
            ),
            models.CheckConstraint(
                condition=Q(number=None) | (~Q(frames=[]) & Q(purchased_before_kwh__isnull=False)),
                name="meters_command_number_comes_with_bytes",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=sorted(CREDIT_KINDS), state__in=["EXPIRED"]),
                name="meters_command_credit_never_expires",
            ),
            models.CheckConstraint(
                condition=~Q(state="CANCELLED", number__isnull=False),
                name="meters_command_no_cancel_after_bytes",
            ),
        ]
        indexes = [
            models.Index(
                fields=["landlord", "meter", "id"],
                condition=~Q(state__in=sorted(FINAL)),
                name="meters_command_open",
            ),
            models.Index(
                fields=["next_at"], condition=~Q(state__in=sorted(FINAL)), name="meters_command_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class CommandEvent(ScopedModel):
    """One step in a command's life; append-only by grants."""

    command = models.ForeignKey(Command, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    state = models.CharField(max_length=10)
    note = models.CharField(max_length=200, blank=True)
    facts = models.JSONField(default=dict)

    class Meta(ScopedModel.Meta):
        abstract = False
        indexes = [models.Index(fields=["landlord", "command", "id"], name="meters_event_by_command")]

    def __str__(self) -> str:
        return f"{self.state} {self.note}"


class Letter(ScopedModel):
    """Frames on their way to a meter over one session, and what came back. Its bytes exist before they leave.

    What came back speaks of `device_epoch`, the body of the meter when it was asked.
    """

    class State(models.TextChoices):
        OUT = "OUT"
        ANSWERED = "ANSWERED"
        LOST = "LOST"

    command = models.ForeignKey(Command, on_delete=models.PROTECT, related_name="letters")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT)
    attempt = models.PositiveIntegerField()
    device_epoch = models.PositiveIntegerField(default=1)
    purpose = models.CharField(max_length=8, choices=[(p.value, p.value) for p in Purpose])
    gateway = models.CharField(max_length=80)
    epoch = models.PositiveBigIntegerField()
    frames = models.JSONField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OUT)
    outcome = models.CharField(max_length=14, blank=True, choices=[(o.value, o.value) for o in Outcome])
    replies = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("letter")
        verbose_name_plural = _("letters")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "command", "attempt"], name="meters_letter_attempt_once"
            ),
            models.UniqueConstraint(
                fields=["landlord", "meter"],
                condition=Q(state="OUT"),
                name="meters_letter_one_question_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["deadline_at"], condition=Q(state="OUT"), name="meters_letter_due"),
            models.Index(fields=["landlord", "meter", "-id"], name="meters_letter_by_meter"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.attempt}"

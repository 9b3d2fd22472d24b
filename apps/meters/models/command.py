"""What is asked of a meter, each step of it, and the letters that carry it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.fields import energy_field
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.meters.models.meter import Meter
from apps.meters.states import CREDIT_KINDS, FINAL, CommandKind, CommandState, Outcome, Purpose


class Command(ScopedModel):
    """Anything we ask a meter to do, kept for ever.

    For a credit `number` is the purchase count the meter shall reach; from the moment it is set, `frames` holds
    the very bytes that may leave, and neither ever changes. A credit has no expiry: it was paid for.
    `device_epoch` is the body it was asked of, and of a numbered one the body that counts it. `closing` is what a
    reset's meter showed last.
    """

    reach = Through("meter")

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
            # The clock asks each minute when every meter of the fleet was read last.
            models.Index(
                fields=["meter", "-id"],
                condition=Q(kind="READ"),
                include=["created_at"],
                name="meters_command_last_read",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class CommandEvent(ScopedModel):
    """One step in a command's life; append-only by grants."""

    reach = Through("command")

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

    reach = Through("meter")

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

"""What was handed to a phone that stands at a meter, and what it says the meter answered."""

from django.db import models

from apps.accounts.models import User
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.meters.models.command import Command
from apps.meters.models.meter import Meter
from apps.meters.states import Errand, Purpose


class PhoneSession(ScopedModel):
    """One errand of one phone: frames handed out ahead, and its answers, whenever they come.

    `frames` only grows: the frame with `seq` n is its nth. `replies` runs beside it: NULL while nothing was said,
    empty where the phone says that none came, else the hex of an answer that fits its question. The present
    stage's frames begin at `stage_from`. `keeps_readings`: opened by somebody of the house (a member, or the
    renter of the lease in force), so that what it reads is kept as a reading. Frames do not die with the session;
    only handing out more does.
    """

    reach = Through("meter")

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+")
    command = models.ForeignKey(Command, null=True, on_delete=models.PROTECT, related_name="+")
    errand = models.CharField(max_length=8, choices=[(e.value, e.value) for e in Errand])
    device_epoch = models.PositiveIntegerField()
    opened_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    keeps_readings = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    stage = models.CharField(max_length=8, choices=[(p.value, p.value) for p in Purpose])
    stage_from = models.PositiveIntegerField(default=0)
    frames = models.JSONField()
    replies = models.JSONField(default=list)
    read_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        constraints = [
            models.CheckConstraint(
                condition=models.Q(errand="READ", command=None)
                | models.Q(errand="RECHARGE", command__isnull=False),
                name="meters_phonesession_recharge_has_credit",
            ),
        ]
        indexes = [models.Index(fields=["landlord", "meter", "-id"], name="meters_phonesession_by_meter")]

    def __str__(self) -> str:
        return f"{self.errand} {self.created_at:%Y-%m-%d}"

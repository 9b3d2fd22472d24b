"""What one message to one phone is, whatever it tells: a row first, sent afterwards."""

from django.db import models

from apps.common.scoping import ScopedModel


class OutgoingMessage(ScopedModel):
    """A message that waits, was sent, or failed for good; `next_at` is when a sender may claim it next."""

    class State(models.TextChoices):
        WAITING = "WAITING"
        SENT = "SENT"
        FAILED = "FAILED"

    phone = models.CharField(max_length=20)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        abstract = True

"""The books: entries made of postings, append-only by grants and by triggers. A correction is a reversal."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.common.fields import ledger_amount_field
from apps.common.reach import Named, Through
from apps.common.scoping import ScopedModel
from apps.income.postings import Asset


class Entry(ScopedModel):
    """One business event in the books. `reference` names the event, so that it is booked at most once."""

    reach = Named(
        kind="split_part({row}.reference, ':', 1)",
        id_text="split_part({row}.reference, ':', 2)",
        kinds=(
            ("payment", "income.Payment"),
            ("recharge", "income.Recharge"),
            ("refund", "income.Refund"),
            ("lease", "meters.Lease"),
            ("grace", "income.Grace"),
        ),
    )

    reference = models.CharField(_("reference"), max_length=80)
    kind = models.CharField(_("kind"), max_length=20)
    happened_at = models.DateTimeField(_("time"))
    reverses = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="reversed_by")

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        constraints = [
            models.UniqueConstraint(fields=["landlord", "reference"], name="income_entry_reference_once")
        ]

    def __str__(self) -> str:
        return self.reference


class Posting(ScopedModel):
    """A positive amount of one asset going from a source to a destination; it balances by construction."""

    reach = Through("entry")

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings")
    asset = models.CharField(max_length=3, choices=[(a.value, a.value) for a in Asset])
    source = models.CharField(max_length=64)
    destination = models.CharField(max_length=64)
    amount = ledger_amount_field()

    class Meta(ScopedModel.Meta):
        abstract = False
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="income_posting_is_positive"),
            models.CheckConstraint(
                condition=~Q(source=F("destination")), name="income_posting_goes_somewhere_else"
            ),
        ]
        indexes = [
            models.Index(fields=["landlord", "asset", "source"], name="income_posting_out"),
            models.Index(fields=["landlord", "asset", "destination"], name="income_posting_in"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.asset}"

"""Money on its way from the operator's account to a landlord's (strategy S3)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.fields import amount_yuan_field
from apps.common.reach import OverAllSites
from apps.common.scoping import ScopedModel
from apps.income.models.account import CollectionAccount
from apps.income.states import SettlementState

_STATES = [
    (SettlementState.CREATED.value, _("waiting")),
    (SettlementState.PROCESSING.value, _("on its way")),
    (SettlementState.CONFIRMING.value, _("waits for the payee to confirm")),
    (SettlementState.DONE.value, _("transferred")),
    (SettlementState.RETURNED.value, _("came back")),
    (SettlementState.STOPPED.value, _("stopped")),
]


class Settlement(ScopedModel):
    """One transfer to the payee of one account. The row and its number are committed before the platform is called.

    What it carries has left the payable in the books, so nothing is sent twice; it comes back there when the
    transfer ends without money. At most one of an account is under way. The same number is asked again until the
    platform proved how it ended.
    """

    reach = OverAllSites()

    account = models.ForeignKey(
        CollectionAccount,
        on_delete=models.PROTECT,
        related_name="settlements",
        verbose_name=_("collection account"),
    )
    number = models.CharField(_("transfer number"), max_length=32)
    amount_yuan = amount_yuan_field(verbose_name=_("amount"))
    state = models.CharField(_("state"), max_length=10, default=SettlementState.CREATED, choices=_STATES)
    said = models.CharField(_("why"), max_length=40, blank=True)
    platform_number = models.CharField(_("platform's number"), max_length=64, blank=True)
    confirm_package = models.CharField(max_length=512, blank=True)
    evidence = models.JSONField(default=dict)
    created_at = models.DateTimeField(_("created"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.UniqueConstraint(fields=["landlord", "number"], name="income_settlement_number_once"),
            models.CheckConstraint(condition=Q(amount_yuan__gt=0), name="income_settlement_is_positive"),
            models.UniqueConstraint(
                fields=["landlord", "account"],
                condition=Q(state__in=["CREATED", "PROCESSING", "CONFIRMING"]),
                name="income_settlement_one_under_way",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["DONE", "RETURNED", "STOPPED"], ended_at__isnull=False)
                | Q(state__in=["CREATED", "PROCESSING", "CONFIRMING"], ended_at=None),
                name="income_settlement_ended_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=Q(state__in=["CREATED", "PROCESSING", "CONFIRMING"]),
                name="income_settlement_due",
            ),
            models.Index(fields=["landlord", "account", "-id"], name="income_settlement_by_account"),
        ]

    def __str__(self) -> str:
        return self.number

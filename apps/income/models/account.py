"""Through whose account the money comes, and who is told when that changes."""

import json
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.outgoing import OutgoingMessage
from apps.common.reach import OfTheLandlord
from apps.common.scoping import ScopedModel
from apps.common.sealing import seal, unseal
from apps.income.states import Channel, CheckState
from apps.income.strategies import USUAL_FEE_RATE, Capabilities, Strategy, capabilities

CHANNELS = [(Channel.WECHAT.value, _("WeChat Pay")), (Channel.ALIPAY.value, _("Alipay"))]
_STRATEGIES = [(strategy.value, strategy.value) for strategy in Strategy if strategy is not Strategy.S0]
_CHECKS = [
    (CheckState.UNVERIFIED.value, _("not checked")),
    (CheckState.PENDING.value, _("being checked")),
    (CheckState.VERIFIED.value, _("verified")),
    (CheckState.MISMATCH.value, _("does not match")),
]


class CollectionAccount(ScopedModel):
    """One account at one platform that takes a landlord's payments, or is being set up for it.

    Channel, merchant, strategy and payee never change once a payment names the row (a trigger holds it): another
    account is another row, so a paid order stays with the payee it was paid to. Each credential is sealed by
    itself, bound to this row and its own name; a payee's name likewise. `merchant_id` is whose account takes the
    money: the landlord's (S1), her sub-merchant (S2), the operator's (S3).
    """

    reach = OfTheLandlord()

    channel = models.CharField(_("channel"), max_length=8, choices=CHANNELS)
    merchant_id = models.CharField(_("merchant"), max_length=40)
    strategy = models.CharField(_("strategy"), max_length=2, default=Strategy.S1, choices=_STRATEGIES)
    is_active = models.BooleanField(_("active"), default=True)
    sealed_credentials = models.TextField(editable=False)
    sealed_payee_name = models.TextField(editable=False, blank=True)
    payee_print = models.CharField(max_length=64, editable=False, blank=True)
    contact_phone = models.CharField(_("phone"), max_length=20, blank=True)
    fee_rate = models.DecimalField(max_digits=5, decimal_places=4, default=USUAL_FEE_RATE)
    check_state = models.CharField(
        _("checked"), max_length=10, default=CheckState.UNVERIFIED, choices=_CHECKS
    )
    check_said = models.CharField(max_length=40, blank=True)
    check_at = models.DateTimeField(null=True)
    check_tries = models.PositiveSmallIntegerField(default=0)
    checked_at = models.DateTimeField(_("checked at"), null=True)
    opened_at = models.DateTimeField(_("opened"), null=True)
    certificate_ends_at = models.DateTimeField(_("certificate ends"), null=True)
    warned_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    acknowledged_at = models.DateTimeField(null=True)
    settling_stopped = models.CharField(max_length=40, blank=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("collection account")
        verbose_name_plural = _("collection accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "channel"], condition=Q(is_active=True), name="income_account_one_active"
            ),
            models.CheckConstraint(
                condition=~Q(strategy="S3") | Q(is_active=False) | Q(acknowledged_by__isnull=False),
                name="income_account_s3_is_acknowledged",
            ),
            models.CheckConstraint(
                condition=Q(fee_rate__gte=0) & Q(fee_rate__lt="0.1"), name="income_account_fee_is_a_rate"
            ),
        ]
        indexes = [
            models.Index(
                fields=["check_at"], condition=Q(check_at__isnull=False), name="income_account_to_check"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.masked_merchant}"

    @property
    def masked_merchant(self) -> str:
        return f"****{self.merchant_id[-4:]}"

    @property
    def can(self) -> Capabilities:
        return capabilities(self.strategy, self.channel)

    def _context(self, field: str) -> str:
        return f"income.CollectionAccount:{self.pk}:{self.landlord_id}:{field}"

    def set_credentials(self, credentials: dict[str, Any]) -> None:
        """Seal every field by itself."""
        self.sealed_credentials = json.dumps(
            {
                name: seal(json.dumps(value), context=self._context(name))
                for name, value in credentials.items()
            }
        )

    def credentials(self) -> dict[str, Any]:
        """Return the keys in clear; they go to an adapter and nowhere else."""
        if not self.sealed_credentials.startswith("{"):
            # Rows from before fields were sealed one by one.
            context = f"income.CollectionAccount:{self.pk}:{self.landlord_id}"
            whole: dict[str, Any] = json.loads(unseal(self.sealed_credentials, context=context))
            return whole
        sealed: dict[str, str] = json.loads(self.sealed_credentials)
        return {
            name: json.loads(unseal(value, context=self._context(name))) for name, value in sealed.items()
        }

    def set_payee(self, *, payee_id: str, name: str) -> None:
        """Seal the ID-card name, and keep a keyed print of who is paid where that is not the merchant."""
        self.reseal_payee_name(name)
        print_of = salted_hmac("income.payee", f"{self.channel}:{payee_id}", algorithm="sha256")
        self.payee_print = print_of.hexdigest() if payee_id else ""

    def reseal_payee_name(self, name: str) -> None:
        """Seal the name of the same payee anew."""
        self.sealed_payee_name = seal(name, context=self._context("payee_name")) if name else ""

    def payee_name(self) -> str:
        """Return the ID-card name in clear; it goes to an adapter and nowhere else."""
        return (
            unseal(self.sealed_payee_name, context=self._context("payee_name"))
            if self.sealed_payee_name
            else ""
        )

    @property
    def masked_payee_name(self) -> str:
        """The family name and nothing more: one character, then asterisks."""
        name = self.payee_name()
        return f"{name[0]}{'*' * (len(name) - 1)}" if name else ""


class AccountMessage(OutgoingMessage):
    """One message to one phone about an account that changed or runs out: a row first, sent afterwards, once."""

    reach = OfTheLandlord()

    class Kind(models.TextChoices):
        CHANGED = "CHANGED", _("changed")
        EXPIRING = "EXPIRING", _("certificate ends soon")

    account = models.ForeignKey(CollectionAccount, on_delete=models.PROTECT, related_name="messages")
    replaced = models.ForeignKey(
        CollectionAccount, null=True, on_delete=models.PROTECT, related_name="farewells"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    about_at = models.DateTimeField()

    class Meta(OutgoingMessage.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "account", "kind", "about_at", "phone"],
                name="income_account_message_once",
            )
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="WAITING"), name="income_account_message_due")
        ]

    def __str__(self) -> str:
        return f"{self.kind} …{self.phone[-4:]}"

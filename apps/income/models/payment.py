"""What the renter asked (order), and what the platform did (payment)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.common.fields import amount_yuan_field, energy_field, price_field
from apps.common.reach import Through
from apps.common.scoping import ScopedModel
from apps.income.models.account import CHANNELS, CollectionAccount
from apps.income.states import PaymentState
from apps.income.strategies import Strategy
from apps.meters.models import Lease, Meter


class Order(ScopedModel):
    """What a payer asked for: an amount for one meter, at the price shown to her. Its state is derived.

    `place` is the room's name on that day, for the receipt. `repays` is the grace that its payer was told it repays;
    whether it does is decided when the money comes. One payment is the rule; what a second brings all the
    same goes back.
    """

    reach = Through("meter")

    no = models.CharField(_("order number"), max_length=24)
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, verbose_name=_("meter"))
    lease = models.ForeignKey(Lease, null=True, on_delete=models.PROTECT)
    place = models.CharField(_("place"), max_length=160, blank=True)
    channel = models.CharField(_("channel"), max_length=8, choices=CHANNELS)
    amount_yuan = amount_yuan_field(verbose_name=_("amount"))
    price_yuan_per_kwh = price_field(verbose_name=_("price"))
    quoted_energy_kwh = energy_field(verbose_name=_("energy"))
    repays = models.ForeignKey("income.Grace", null=True, on_delete=models.PROTECT, related_name="orders")
    caller = models.CharField(max_length=80, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(_("ordered"))
    expires_at = models.DateTimeField()

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(fields=["landlord", "no"], name="income_order_no_once"),
            models.UniqueConstraint(
                fields=["landlord", "caller", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="income_order_key_once",
            ),
            models.CheckConstraint(condition=Q(amount_yuan__gte="0.01"), name="income_order_at_least_a_fen"),
        ]

    def __str__(self) -> str:
        return self.no


class Payment(ScopedModel):
    """One attempt to pay an order. The row exists before the platform is called; `out_trade_no` is its key there.

    `bridge` and `qr_text` are what the platform answered, kept so that the same request gets the same answer.
    `by_page`: the platform's own page in the payer's browser takes the money; `returned_at` is when it last sent her
    back, which proves nothing.
    `strategy` and `payee_print` say how and to whom the money goes, as on the day of the order. `fee_yuan` is what the
    channel keeps, less what it gave back with refunds; None while nothing is paid.
    `credit_reason` and `credit_by` say why and by whom a payment in REVIEW is wanted credited: the platform is asked at
    `poll_at`, and `credit_answer` says what did not agree.
    """

    reach = Through("order")

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="payments", verbose_name=_("order")
    )
    account = models.ForeignKey(CollectionAccount, on_delete=models.PROTECT, related_name="payments")
    channel = models.CharField(_("channel"), max_length=8, choices=CHANNELS)
    strategy = models.CharField(max_length=2, default=Strategy.S1)
    payee_print = models.CharField(max_length=64, blank=True)
    out_trade_no = models.CharField(max_length=32)
    transaction_id = models.CharField(_("platform's number"), max_length=64, blank=True)
    amount_yuan = amount_yuan_field(verbose_name=_("amount"))
    fee_yuan = amount_yuan_field(verbose_name=_("channel fee"), null=True)
    state = models.CharField(
        _("state"),
        max_length=8,
        default=PaymentState.CREATED,
        choices=[(s.value, s.value) for s in PaymentState],
    )
    review_reason = models.CharField(_("why it needs a look"), max_length=200, blank=True)
    bridge = models.JSONField(null=True)
    qr_text = models.CharField(max_length=512, blank=True)
    by_page = models.BooleanField(default=False)
    returned_at = models.DateTimeField(null=True)
    evidence = models.JSONField(default=dict)
    created_at = models.DateTimeField(_("created"))
    paid_at = models.DateTimeField(_("paid"), null=True)
    polls = models.PositiveIntegerField(default=0)
    poll_at = models.DateTimeField(null=True)
    credit_reason = models.CharField(max_length=200, blank=True)
    credit_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    credit_answer = models.CharField(max_length=200, blank=True)

    class Meta(ScopedModel.Meta):
        abstract = False
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.UniqueConstraint(
                fields=["landlord", "out_trade_no"], name="income_payment_out_trade_no_once"
            ),
            models.UniqueConstraint(
                fields=["landlord", "channel", "transaction_id"],
                condition=~Q(transaction_id=""),
                name="income_payment_transaction_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="PAID") | (~Q(transaction_id="") & Q(paid_at__isnull=False)),
                name="income_payment_paid_has_proof",
            ),
        ]
        indexes = [
            models.Index(
                fields=["poll_at"],
                condition=Q(poll_at__isnull=False),
                name="income_payment_due",
            )
        ]

    def __str__(self) -> str:
        return self.out_trade_no

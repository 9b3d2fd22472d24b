"""Orders and payments; recharges; refunds; payouts; the ledger."""

from apps.income.models.fapiao import FapiaoRequest
from apps.income.models.ledger import Entry, Posting
from apps.income.models.payment import CollectionAccount, Order, Payment
from apps.income.models.payout import Payout
from apps.income.models.recharge import Recharge
from apps.income.models.refund import Refund

__all__ = [
    "CollectionAccount",
    "Entry",
    "FapiaoRequest",
    "Order",
    "Payment",
    "Payout",
    "Posting",
    "Recharge",
    "Refund",
]

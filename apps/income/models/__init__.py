"""Orders and payments; recharges; the ledger."""

from apps.income.models.ledger import Entry, Posting
from apps.income.models.payment import CollectionAccount, Order, Payment
from apps.income.models.recharge import Recharge

__all__ = ["CollectionAccount", "Entry", "Order", "Payment", "Posting", "Recharge"]

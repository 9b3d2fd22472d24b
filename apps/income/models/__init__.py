"""Accounts; orders, payments; recharges; graces; refunds; payouts; settlements; bills; the ledger; the daily proof."""

from apps.income.models.account import AccountMessage, CollectionAccount
from apps.income.models.bill import BillDay, BillRow, Difference
from apps.income.models.fapiao import FapiaoRequest
from apps.income.models.grace import Grace
from apps.income.models.ledger import Entry, Posting
from apps.income.models.payment import Order, Payment
from apps.income.models.payout import Payout
from apps.income.models.proof import ProofFinding, ProofRun
from apps.income.models.recharge import Recharge
from apps.income.models.refund import Refund
from apps.income.models.settlement import Settlement

__all__ = [
    "AccountMessage",
    "BillDay",
    "BillRow",
    "CollectionAccount",
    "Difference",
    "Entry",
    "FapiaoRequest",
    "Grace",
    "Order",
    "Payment",
    "Payout",
    "Posting",
    "ProofFinding",
    "ProofRun",
    "Recharge",
    "Refund",
    "Settlement",
]

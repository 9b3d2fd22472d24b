"""Write the books and read balances from them."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, Sum

from apps.income.models import Entry, Posting
from apps.income.postings import Asset, Move


def book(*, reference: str, kind: str, moves: Iterable[Move], now: datetime) -> Entry:
    """Write one entry in the caller's transaction.

    :raises django.db.IntegrityError: if `reference` is booked already; an event is booked once.
    """
    entry = Entry.objects.create(reference=reference, kind=kind, happened_at=now)
    Posting.objects.bulk_create(
        Posting(
            entry=entry,
            asset=move.asset,
            source=move.source,
            destination=move.destination,
            amount=move.amount,
        )
        for move in moves
    )
    return entry


def balance(asset: Asset, account: str) -> Decimal:
    """Return what came into `account` less what went out, six places."""
    postings = Posting.objects.filter(Q(destination=account) | Q(source=account), asset=asset)
    sums = postings.aggregate(
        came=Sum("amount", filter=Q(destination=account)), went=Sum("amount", filter=Q(source=account))
    )
    return (sums["came"] or Decimal(0)) - (sums["went"] or Decimal(0))

"""Write the books and read balances from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, Sum

from apps.income.models import Entry, Posting
from apps.income.postings import Asset, Move


@dataclass(frozen=True)
class Booking:
    """One entry to be: the event's name, which is booked once, and what it moves."""

    reference: str
    kind: str
    moves: Sequence[Move]


def book(*, reference: str, kind: str, moves: Iterable[Move], now: datetime) -> Entry:
    """Write one entry in the caller's transaction.

    :raises django.db.IntegrityError: if `reference` is booked already; an event is booked once.
    """
    [entry] = book_all([Booking(reference, kind, tuple(moves))], now=now)
    return entry


def book_all(bookings: Sequence[Booking], *, now: datetime) -> list[Entry]:
    """Write the entries of one act together, in the caller's transaction: two statements, however many they are.

    :raises django.db.IntegrityError: as above; then none is written.
    """
    entries = Entry.objects.bulk_create(
        [Entry(reference=one.reference, kind=one.kind, happened_at=now) for one in bookings]
    )
    Posting.objects.bulk_create(
        Posting(
            entry=entry,
            asset=move.asset,
            source=move.source,
            destination=move.destination,
            amount=move.amount,
        )
        for entry, one in zip(entries, bookings, strict=True)
        for move in one.moves
    )
    return entries


def balance(asset: Asset, account: str) -> Decimal:
    """Return what came into `account` less what went out, six places."""
    postings = Posting.objects.filter(Q(destination=account) | Q(source=account), asset=asset)
    sums = postings.aggregate(
        came=Sum("amount", filter=Q(destination=account)), went=Sum("amount", filter=Q(source=account))
    )
    return (sums["came"] or Decimal(0)) - (sums["went"] or Decimal(0))

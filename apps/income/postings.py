"""The chart of accounts, and which business event moves what; pure.

A posting moves a positive amount of one asset from a source to a destination, so an entry balances by itself.
An account is a text, `kind` or `kind:id`; a balance is what came in less what went out.

    CNY   channel:<collection account>   money taken through it (grows negative: it comes from outside)
          cash                           money a member took or gave back by hand (likewise)
          advance:<holder>               paid, and not yet energy in the meter
          remainder:<holder>             too little for one step of energy; carried to the next recharge of the
                                         lease, paid out when it has ended
          owed:<payment>                 to go back to the payer; nothing was or will be bought with it
          collected:<account>            of that, what the operator holds for the landlord (S3; grows negative)
          payable:<account>              owed to the payee of that account, and not yet on its way
          in_transfer:<settlement>       on its way to the payee
          transferred:<account>          what the payee has got
          channel_fee:<account>          what the channel kept of payments through it (grows negative)
          fees                           the landlord's cost of being paid
          rounding                       the landlord's part of what cannot be split (grows negative)
          energy_sold                    the landlord's income
          grace:<holder>                 what the energy lent to her is worth, at the price of the day it was lent;
                                         no money and no income
          lent                           the other side of it (grows negative)
          forgiven                       of that, what nobody will repay
    KWH   issued                         energy made (grows negative)
          before_us:<meter>              what the meter had been given before we knew it
          meter:<meter>:<device epoch>   energy this body of the meter has proved to have received
          grace:<holder>                 lent to her in the meter, and not repaid yet
          lent                           the other side of it (grows negative)
          forgiven                       of that, what nobody will repay

The holder of an advance, a remainder or a grace is the lease (`lease:<id>`), or the meter itself while it is vacant.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from apps.tariffs.pricing import Quote


class Asset(StrEnum):
    CNY = "CNY"
    KWH = "KWH"


@dataclass(frozen=True)
class Move:
    """One posting to be: `amount` of `asset` goes from `source` to `destination`."""

    asset: Asset
    source: str
    destination: str
    amount: Decimal


FEES = "fees"
ENERGY_SOLD = "energy_sold"
CASH = "cash"
ROUNDING = "rounding"
ISSUED = "issued"
LENT = "lent"
FORGIVEN = "forgiven"


def holder_of(*, lease_id: UUID | None, meter_id: UUID) -> str:
    return f"lease:{lease_id}" if lease_id else f"meter:{meter_id}"


def channel_account(account_id: UUID) -> str:
    return f"channel:{account_id}"


def collected(account_id: UUID) -> str:
    return f"collected:{account_id}"


def payable(account_id: UUID) -> str:
    return f"payable:{account_id}"


def in_transfer(settlement_id: UUID) -> str:
    return f"in_transfer:{settlement_id}"


def transferred(account_id: UUID) -> str:
    return f"transferred:{account_id}"


def channel_fee(account_id: UUID) -> str:
    return f"channel_fee:{account_id}"


def advance(holder: str) -> str:
    return f"advance:{holder}"


def remainder(holder: str) -> str:
    return f"remainder:{holder}"


def owed(payment_id: UUID) -> str:
    return f"owed:{payment_id}"


def grace(holder: str) -> str:
    return f"grace:{holder}"


def meter_energy(meter_id: UUID, device_epoch: int) -> str:
    return f"meter:{meter_id}:{device_epoch}"


def paid(*, source: str, holder: str, quote: Quote) -> list[Move]:
    """Money came in: it and what was carried wait as an advance of exactly the energy's price; the rest is carried."""
    moves = [
        Move(Asset.CNY, source, advance(holder), quote.amount_yuan),
        Move(Asset.CNY, remainder(holder), advance(holder), quote.carried_in_yuan),
        Move(Asset.CNY, advance(holder), remainder(holder), quote.carried_out_yuan),
    ]
    return [move for move in moves if move.amount > 0]


def credited(
    *, holder: str, spent_yuan: Decimal, energy_kwh: Decimal, meter_id: UUID, device_epoch: int
) -> list[Move]:
    """The meter proved the energy: the advance is earned. A gift moves energy only."""
    moves = [
        Move(Asset.CNY, advance(holder), ENERGY_SOLD, spent_yuan),
        Move(Asset.KWH, ISSUED, meter_energy(meter_id, device_epoch), energy_kwh),
    ]
    return [move for move in moves if move.amount > 0]


def lent(*, holder: str, energy_kwh: Decimal, worth_yuan: Decimal) -> list[Move]:
    """The meter proved energy that nobody has paid for: it is owed, in kWh and in what it is worth that day."""
    return [
        Move(Asset.KWH, LENT, grace(holder), energy_kwh),
        Move(Asset.CNY, LENT, grace(holder), worth_yuan),
    ]


def no_longer_owed(
    *, holder: str, energy_kwh: Decimal, worth_yuan: Decimal, is_forgiven: bool = False
) -> list[Move]:
    """What was lent came back, with a recharge or in cash; or it never will."""
    destination = FORGIVEN if is_forgiven else LENT
    return [
        Move(Asset.KWH, grace(holder), destination, energy_kwh),
        Move(Asset.CNY, grace(holder), destination, worth_yuan),
    ]


def grace_paid(*, amount_yuan: Decimal) -> list[Move]:
    """A member took cash for energy that was lent: it is in the meter already, so it is earned at once."""
    return [Move(Asset.CNY, CASH, ENERGY_SOLD, amount_yuan)] if amount_yuan > 0 else []


def cancelled(*, source: str, holder: str, quote: Quote, remainder_yuan: Decimal) -> list[Move]:
    """A recharge was taken back: the reverse of `paid`, all of it to `source`.

    :param remainder_yuan: what the holder's remainder is now. A later recharge may have spent what this one left
        there; that part, less than one step of energy, comes from `rounding`, so that a remainder is never below
        zero and the payer gets back all she paid.
    """
    short_yuan = quote.carried_out_yuan - quote.carried_in_yuan - remainder_yuan
    moves = [Move(Asset.CNY, ROUNDING, remainder(holder), short_yuan)]
    moves += [
        Move(move.asset, move.destination, move.source, move.amount)
        for move in reversed(paid(source=source, holder=holder, quote=quote))
    ]
    return [move for move in moves if move.amount > 0]


def paid_out(*, holder: str, remainder_yuan: Decimal, amount_yuan: Decimal) -> list[Move]:
    """A lease has ended and its remainder goes back in cash: what it is short of a whole fen comes from `rounding`."""
    moves = [
        Move(Asset.CNY, ROUNDING, remainder(holder), amount_yuan - remainder_yuan),
        Move(Asset.CNY, remainder(holder), CASH, amount_yuan),
    ]
    return [move for move in moves if move.amount > 0]


def surplus(*, source: str, payment_id: UUID, amount_yuan: Decimal) -> list[Move]:
    """Money came in that buys nothing (its order is paid already, its meter or lease is gone): it goes back."""
    return [Move(Asset.CNY, source, owed(payment_id), amount_yuan)]


def refunded(*, payment_id: UUID, destination: str, amount_yuan: Decimal) -> list[Move]:
    """The money went back: the platform proved it, or a member wrote down that she gave it by hand."""
    return [Move(Asset.CNY, owed(payment_id), destination, amount_yuan)]


def fee_kept(*, account_id: UUID, fee_yuan: Decimal) -> list[Move]:
    """A channel kept its fee of a payment; below zero it gave that much back, with a refund or by its bill."""
    source, destination = channel_fee(account_id), FEES
    if fee_yuan < 0:
        source, destination = destination, source
    return [Move(Asset.CNY, source, destination, abs(fee_yuan))] if fee_yuan else []


def held_for_payee(*, account_id: UUID, amount_yuan: Decimal) -> list[Move]:
    """The operator took money for a landlord and owes it to her; below zero it gave that much of it back to a payer."""
    source, destination = collected(account_id), payable(account_id)
    if amount_yuan < 0:
        source, destination = destination, source
    return [Move(Asset.CNY, source, destination, abs(amount_yuan))] if amount_yuan else []


def transfer_begun(*, account_id: UUID, settlement_id: UUID, amount_yuan: Decimal) -> list[Move]:
    """A part of what is owed is on its way."""
    return [Move(Asset.CNY, payable(account_id), in_transfer(settlement_id), amount_yuan)]


def transfer_ended(
    *, account_id: UUID, settlement_id: UUID, amount_yuan: Decimal, arrived: bool
) -> list[Move]:
    """The platform proved how a transfer ended: the payee has the money, or it is owed again."""
    destination = transferred(account_id) if arrived else payable(account_id)
    return [Move(Asset.CNY, in_transfer(settlement_id), destination, amount_yuan)]

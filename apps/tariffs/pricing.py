"""Money → energy; pure. The one place where anything is rounded.

A price has a step of 10⁻⁴ yuan per kWh and energy a step of at least 10⁻² kWh, so every product is exact in
10⁻⁶ yuan, and `paid + carried in = energy x price + carried out` holds without a rounding error.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal

# Wide enough that no product of a ledger amount is ever rounded by the context itself.
_EXACT = Context(prec=40, rounding=ROUND_DOWN)

LEDGER_STEP_YUAN = Decimal("0.000001")
PRICE_STEP = Decimal("0.0001")
FEN_YUAN = Decimal("0.01")


@dataclass(frozen=True)
class Quote:
    """What an amount buys: the energy, what it costs exactly, and what is carried to the next recharge."""

    amount_yuan: Decimal
    carried_in_yuan: Decimal
    price_yuan_per_kwh: Decimal
    energy_kwh: Decimal
    spent_yuan: Decimal
    carried_out_yuan: Decimal


def quote(
    *, amount_yuan: Decimal, carried_in_yuan: Decimal, price_yuan_per_kwh: Decimal, step_kwh: Decimal
) -> Quote:
    """Return what `amount_yuan` buys; energy is rounded down to `step_kwh`, the rest is carried.

    The rest is never negative and always less than one step's price. Source: DECISIONS 3.

    :raises ValueError: if the price or the step is not positive, an amount is negative, or a price or step is
        finer than the ledger can hold.
    """
    if price_yuan_per_kwh <= 0 or step_kwh <= 0:
        raise ValueError("price and step must be positive")
    if amount_yuan < 0 or carried_in_yuan < 0:
        raise ValueError("amounts must not be negative")
    step_price_yuan = _EXACT.multiply(price_yuan_per_kwh, step_kwh)
    if step_price_yuan != step_price_yuan.quantize(LEDGER_STEP_YUAN):
        raise ValueError("price x step is finer than 10^-6 yuan")
    available_yuan = _EXACT.add(amount_yuan, carried_in_yuan)
    steps = _EXACT.divide_int(available_yuan, step_price_yuan)
    spent_yuan = _EXACT.multiply(steps, step_price_yuan)
    return Quote(
        amount_yuan=amount_yuan,
        carried_in_yuan=carried_in_yuan,
        price_yuan_per_kwh=price_yuan_per_kwh,
        energy_kwh=_EXACT.multiply(steps, step_kwh),
        spent_yuan=spent_yuan.quantize(LEDGER_STEP_YUAN),
        carried_out_yuan=_EXACT.subtract(available_yuan, spent_yuan).quantize(LEDGER_STEP_YUAN),
    )


def repaid_kwh(*, bought_kwh: Decimal, owed_kwh: Decimal, step_kwh: Decimal) -> Decimal:
    """Return how much of what is bought repays an energy that was lent: all that is owed, or nothing.

    Nothing where less than one step would be left for the meter: whoever pays gets light for it, and a debt is never
    repaid in parts.
    """
    fits = owed_kwh % step_kwh == 0 and bought_kwh - owed_kwh >= step_kwh
    return owed_kwh if fits else Decimal(0)


def amount_for_yuan(*, energy_kwh: Decimal, carried_in_yuan: Decimal, price_yuan_per_kwh: Decimal) -> Decimal:
    """Return the least amount, in whole fen and at least one, that buys this energy with what is carried."""
    due_yuan = _EXACT.subtract(_EXACT.multiply(energy_kwh, price_yuan_per_kwh), carried_in_yuan)
    return max(due_yuan, FEN_YUAN).quantize(FEN_YUAN, rounding=ROUND_UP)


def taken_yuan(worth_yuan: Decimal) -> Decimal:
    """Return what is taken in cash for an energy that was lent: rounded down to the fen, for the renter's good.

    :raises ValueError: if the worth is negative.
    """
    if worth_yuan < 0:
        raise ValueError("a worth is not negative")
    return worth_yuan.quantize(FEN_YUAN, rounding=ROUND_DOWN)


def handed_back_yuan(remainder_yuan: Decimal) -> Decimal:
    """Return what is handed back for a remainder: rounded up to the fen, because nobody can hand back less than one.

    The landlord bears the difference, always less than one fen.

    :raises ValueError: if the remainder is negative.
    """
    if remainder_yuan < 0:
        raise ValueError("a remainder is not negative")
    return remainder_yuan.quantize(FEN_YUAN, rounding=ROUND_UP)

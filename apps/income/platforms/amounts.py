"""Yuan at the edge. WeChat speaks whole fen, Alipay text with two decimals; we speak Decimal yuan.

Nothing here rounds: an amount that does not fit exactly is refused.
"""

import re
from decimal import Decimal

LARGEST_YUAN = Decimal("100000000.00")

_YUAN_TEXT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")


def checked_yuan(amount_yuan: Decimal) -> Decimal:
    """Return a chargeable amount with exactly two decimals.

    :raises ValueError: unless it is a finite Decimal of whole fen, from 0.01 to 100,000,000 yuan.
    """
    if not isinstance(amount_yuan, Decimal) or not amount_yuan.is_finite():
        raise ValueError("an amount is a finite Decimal")
    if not 0 < amount_yuan <= LARGEST_YUAN:
        raise ValueError(f"an amount lies between 0.01 and {LARGEST_YUAN} yuan")
    exact = amount_yuan.quantize(Decimal("0.01"))
    if exact != amount_yuan:
        raise ValueError("an amount is whole fen")
    return exact


def fen_from_yuan(amount_yuan: Decimal) -> int:
    """Return whole fen. :raises ValueError: as `checked_yuan`."""
    return int(checked_yuan(amount_yuan) * 100)


def yuan_from_fen(fen: object) -> Decimal:
    """Return yuan with two decimals from the whole number a platform sent.

    :raises ValueError: unless it is a positive int (a bool, a float and text are not).
    """
    if type(fen) is not int:
        raise ValueError("fen are whole numbers")
    return checked_yuan(Decimal(fen) / 100)


def yuan_text(amount_yuan: Decimal) -> str:
    """Return `"0.10"`. :raises ValueError: as `checked_yuan`."""
    return f"{checked_yuan(amount_yuan):f}"


def yuan_from_text(text: object) -> Decimal:
    """Return yuan from a platform's text: plain digits, at most two decimals.

    :raises ValueError: for anything else, `"1e2"`, `"1.005"`, `"NaN"`, `"-1.00"` and `" 1"` among it.
    """
    if not isinstance(text, str) or not _YUAN_TEXT.fullmatch(text):
        raise ValueError("not an amount in yuan")
    return checked_yuan(Decimal(text))

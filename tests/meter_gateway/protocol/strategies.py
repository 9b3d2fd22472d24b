"""What the property tests of the protocol draw from."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st

from meter_gateway.protocol.frames import Frame

quick = settings(max_examples=20, deadline=None, database=None)

addresses = st.integers(0, 10**12 - 1).map("{:012d}".format)
frames = st.builds(Frame, address=addresses, control=st.integers(0, 255), data=st.binary(max_size=40))
noise = st.binary(max_size=60)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)


def decimals(places: int, digits: int, *, signed: bool = False) -> st.SearchStrategy[Decimal]:
    """Numbers that fit a packed-decimal field of so many digits; signed ones leave the top bit free."""
    top = 10**digits * 8 // 10 - 1 if signed else 10**digits - 1
    return st.integers(-top if signed else 0, top).map(lambda whole: Decimal(whole).scaleb(-places))


def digits(count: int) -> st.SearchStrategy[str]:
    """So many decimal digits, leading zeros kept."""
    return st.integers(0, 10**count - 1).map(lambda number: str(number).rjust(count, "0"))

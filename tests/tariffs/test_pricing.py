"""Money becomes energy exactly, for any price and any step."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tariffs.pricing import quote

fen = st.integers(0, 10_000_000).map(lambda n: Decimal(n) / 100)
price = st.integers(1, 999_999).map(lambda n: Decimal(n) / 10_000)
carried = st.integers(0, 999_999).map(lambda n: Decimal(n) / 1_000_000)
step = st.sampled_from([Decimal("0.01"), Decimal("0.1"), Decimal("1")])


@given(fen, carried, price, step)
def test_paid_is_energy_times_price_plus_remainder(
    amount: Decimal, carried_in: Decimal, price: Decimal, step: Decimal
) -> None:
    bought = quote(amount_yuan=amount, carried_in_yuan=carried_in, price_yuan_per_kwh=price, step_kwh=step)
    assert amount + carried_in == bought.energy_kwh * price + bought.carried_out_yuan
    assert bought.spent_yuan == bought.energy_kwh * price
    assert 0 <= bought.carried_out_yuan < price * step
    assert bought.energy_kwh % step == 0


def test_fifty_yuan_at_sixty_five_fen_is_the_worked_example() -> None:
    bought = quote(
        amount_yuan=Decimal("50.00"),
        carried_in_yuan=Decimal(0),
        price_yuan_per_kwh=Decimal("0.6500"),
        step_kwh=Decimal("0.01"),
    )
    assert (bought.energy_kwh, bought.spent_yuan) == (Decimal("76.92"), Decimal("49.998000"))
    assert bought.carried_out_yuan == Decimal("0.002000")


@pytest.mark.parametrize(
    ("amount", "price", "step"),
    [
        ("-1", "0.65", "0.01"),
        ("1", "0", "0.01"),
        ("1", "-0.65", "0.01"),
        ("1", "0.65", "0"),
        ("1", "0.00001", "0.01"),
    ],
)
def test_what_cannot_be_priced_is_refused(amount: str, price: str, step: str) -> None:
    with pytest.raises(ValueError, match=r"must|finer"):
        quote(
            amount_yuan=Decimal(amount),
            carried_in_yuan=Decimal(0),
            price_yuan_per_kwh=Decimal(price),
            step_kwh=Decimal(step),
        )

"""Money becomes energy exactly, for any price and any step."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tariffs.pricing import handed_back_yuan, quote

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


PRICE_OR_STEP = "price and step must be positive"
AMOUNT = "amounts must not be negative"
TOO_FINE = "price x step is finer than 10^-6 yuan"


@pytest.mark.parametrize(
    ("amount", "carried_in", "price", "step", "said"),
    [
        ("-1", "0", "0.65", "0.01", AMOUNT),
        ("-0.01", "1", "0.65", "0.01", AMOUNT),
        ("1", "-0.000001", "0.65", "0.01", AMOUNT),
        ("1", "0", "0", "0.01", PRICE_OR_STEP),
        ("1", "0", "-0.65", "0.01", PRICE_OR_STEP),
        ("1", "0", "0.65", "0", PRICE_OR_STEP),
        ("1", "0", "-0.65", "-0.01", PRICE_OR_STEP),
        ("1", "0", "0.00001", "0.01", TOO_FINE),
        ("1", "0", "0.65", "0.0000001", TOO_FINE),
    ],
)
def test_what_cannot_be_priced_is_refused(
    amount: str, carried_in: str, price: str, step: str, said: str
) -> None:
    with pytest.raises(ValueError) as refused:
        quote(
            amount_yuan=Decimal(amount),
            carried_in_yuan=Decimal(carried_in),
            price_yuan_per_kwh=Decimal(price),
            step_kwh=Decimal(step),
        )
    assert str(refused.value) == said


def test_a_quote_says_what_it_was_made_of_and_holds_for_nothing_and_for_the_dearest() -> None:
    nothing = quote(
        amount_yuan=Decimal(0),
        carried_in_yuan=Decimal("0.0064"),
        price_yuan_per_kwh=Decimal("0.65"),
        step_kwh=Decimal("0.01"),
    )
    assert (nothing.energy_kwh, nothing.spent_yuan) == (0, 0)
    assert (nothing.amount_yuan, nothing.carried_in_yuan) == (0, Decimal("0.0064"))
    assert nothing.price_yuan_per_kwh == Decimal("0.65")
    assert str(nothing.spent_yuan) == "0.000000"
    assert str(nothing.carried_out_yuan) == "0.006400"
    dear = quote(
        amount_yuan=Decimal("99999999999999.99"),
        carried_in_yuan=Decimal("0.000001"),
        price_yuan_per_kwh=Decimal("0.0001"),
        step_kwh=Decimal("0.01"),
    )
    assert dear.energy_kwh == Decimal("999999999999999900.01")
    assert (dear.spent_yuan, dear.carried_out_yuan) == (Decimal("99999999999999.990001"), 0)


@pytest.mark.parametrize(
    ("remainder", "handed"),
    [
        ("0", "0.00"),
        ("0.000001", "0.01"),
        ("0.004999", "0.01"),
        ("0.01", "0.01"),
        ("0.010001", "0.02"),
        ("1.5", "1.50"),
    ],
)
def test_a_remainder_is_handed_back_rounded_up_to_the_fen(remainder: str, handed: str) -> None:
    assert str(handed_back_yuan(Decimal(remainder))) == handed


def test_less_than_nothing_is_never_handed_back() -> None:
    with pytest.raises(ValueError) as refused:
        handed_back_yuan(Decimal("-0.000001"))
    assert str(refused.value) == "a remainder is not negative"

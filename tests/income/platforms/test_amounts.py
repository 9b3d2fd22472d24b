"""f52: yuan, fen and text, exact or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.income.platforms.amounts import fen_from_yuan, yuan_from_fen, yuan_from_text, yuan_text


@given(st.integers(1, 10_000_000_000))
def test_f52_every_amount_survives_the_way_to_both_platforms_and_back(fen: int) -> None:
    amount_yuan = yuan_from_fen(fen)
    assert amount_yuan * 100 == fen
    assert fen_from_yuan(amount_yuan) == fen
    assert yuan_from_text(yuan_text(amount_yuan)) == amount_yuan


@pytest.mark.parametrize(
    ("text", "fen"), [("0.10", 10), ("0.01", 1), ("1", 100), ("12.5", 1250), ("50.00", 5000)]
)
def test_f52_plain_text_is_read_exactly(text: str, fen: int) -> None:
    assert fen_from_yuan(yuan_from_text(text)) == fen


@pytest.mark.parametrize(
    "text",
    [
        *[
            "1e2",
            "1E2",
            "1.005",
            "NaN",
            "Infinity",
            "-1.00",
            "+1.00",
            "",
            " 1",
            "1 ",
            "1,00",
            "1_0",
            "0",
            "0.00",
        ],
        *[".5", "5.", "１.00", "1.00\n", "100000000.01", "9999999999", None, 1, 1.0, Decimal("1.00")],
    ],
)
def test_f52_any_other_text_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="amount"):
        yuan_from_text(text)


@pytest.mark.parametrize(
    "amount", ["1.005", "0.001", "0", "-0.01", "NaN", "sNaN", "Infinity", "100000000.01"]
)
def test_f52_an_amount_that_is_not_whole_fen_is_refused_not_rounded(amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        fen_from_yuan(Decimal(amount))


@pytest.mark.parametrize("amount", [1.5, 1, "1.00", None])
def test_f52_an_amount_that_is_no_decimal_is_refused(amount: object) -> None:
    with pytest.raises(ValueError, match="Decimal"):
        fen_from_yuan(amount)  # type: ignore[arg-type]


@pytest.mark.parametrize("fen", [0, -1, 1.0, True, "100", None, Decimal(1), 10_000_000_001])
def test_f52_fen_that_are_no_positive_whole_number_are_refused(fen: object) -> None:
    with pytest.raises(ValueError, match=r"fen|amount"):
        yuan_from_fen(fen)


def test_f52_an_amount_written_short_goes_out_with_two_decimals() -> None:
    assert yuan_text(Decimal("5E+1")) == "50.00"
    assert yuan_text(Decimal("0.1")) == "0.10"

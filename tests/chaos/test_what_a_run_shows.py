"""The judge of the chaos: each planted loss, each doubling and each storm that was none is named."""

import random
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests.chaos.checker import of_meters, of_orders, of_payments
from tests.chaos.killing import KINDS, moments
from tests.chaos.payers import Bought

PAID = [
    Bought("202600000001", "A", "P1", "wechat", "10.00", "15.38", True, "credited", "15.38"),
    Bought("202600000001", "B", "P2", "alipay", "20.00", "30.76", True, "credited", "30.77"),
]
TOOK: dict[str, Any] = {"202600000001": (2, Decimal("46.15")), "202600000002": (0, Decimal("0.00"))}
BOOKED = {"202600000001": Decimal("46.15")}
PAYMENTS = {"P1": Decimal("10.00"), "P2": Decimal("20.00")}


def test_where_all_three_agree_there_is_nothing_to_say() -> None:
    assert [*of_orders(PAID), *of_meters(PAID, TOOK, BOOKED), *of_payments(PAID, PAYMENTS)] == []


@pytest.mark.parametrize(
    ("grown", "word"),
    [
        ((3, Decimal("76.92")), "doubled"),
        ((3, Decimal("46.15")), "doubled"),
        ((2, Decimal("46.16")), "doubled"),
        ((1, Decimal("15.38")), "lost"),
        ((1, Decimal("46.15")), "lost"),
        ((2, Decimal("46.14")), "lost"),
    ],
)
def test_a_meter_that_took_more_or_less_than_was_bought_is_named(
    grown: tuple[int, Decimal], word: str
) -> None:
    booked = {"202600000001": grown[1]}
    (sentence,) = of_meters(PAID, {"202600000001": grown}, booked)
    assert sentence.startswith("meter ****0001 took")
    assert sentence.endswith(word)


def test_energy_in_a_meter_nobody_paid_for_is_named() -> None:
    (sentence, unbooked) = of_meters(PAID, TOOK | {"202600000002": (1, Decimal("5.00"))}, BOOKED)
    assert sentence.startswith("meter ****0002")
    assert sentence.endswith("doubled")
    assert unbooked == "meter ****0002 took 5.00 kWh, the ledger has 0"


def test_a_ledger_that_differs_from_the_meter_is_named() -> None:
    (sentence,) = of_meters(PAID, TOOK, {"202600000001": Decimal("46.16")})
    assert sentence == "meter ****0001 took 46.15 kWh, the ledger has 46.16"


@pytest.mark.parametrize("state", ["", "paid", "delivering", "refunded", "review"])
def test_a_paid_order_that_ended_otherwise_is_lost(state: str) -> None:
    (sentence,) = of_orders([Bought("202600000001", "C", "P3", "wechat", "10.00", "15.38", True, state)])
    assert sentence.startswith("order C is paid and ")
    assert sentence.endswith(": lost")


@pytest.mark.parametrize(
    ("energy_kwh", "word"), [("15.36", "lost"), ("15.40", "doubled"), ("30.76", "doubled")]
)
def test_an_order_that_brought_other_energy_than_was_sold_is_named(energy_kwh: str, word: str) -> None:
    order = Bought("202600000001", "C", "P3", "wechat", "10.00", "15.38", True, "credited", energy_kwh)
    assert of_orders([order]) == [f"order C brought {energy_kwh} kWh and was sold as 15.38: {word}"]


def test_a_payment_that_vanished_was_invented_or_changed_is_named() -> None:
    theirs = {"P2": Decimal("20.01"), "P9": Decimal("1.00")}
    assert of_payments(PAID, theirs) == [
        "payment P1 of 10.00 yuan is not in the system: lost",
        "payment P9 was paid by nobody",
        "payment P2 of 20.00 yuan became 20.01 yuan",
    ]


def test_each_kind_dies_as_often_as_asked_sometimes_two_at_once_and_the_same_from_the_same_seed() -> None:
    planned = list(moments(KINDS, 50, random.Random(7)))
    assert Counter(kind for _round, together in planned for kind in together) == dict.fromkeys(KINDS, 50)
    assert 40 < sum(len(together) == 2 for _round, together in planned) < 120
    assert [number for number, _together in planned] == sorted(number for number, _together in planned)
    assert planned == list(moments(KINDS, 50, random.Random(7)))

"""Which event moves what: every posting named with its two accounts, and what an act takes back comes to nothing."""

from collections import defaultdict
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.income import postings
from apps.income.postings import Asset, Move
from apps.tariffs.pricing import Quote, quote

ONE, TWO = UUID(int=1), UUID(int=2)
ACCOUNT, PAYMENT, SETTLEMENT, METER = UUID(int=3), UUID(int=4), UUID(int=5), UUID(int=6)
CHANNEL = f"channel:{ACCOUNT}"
CNY, KWH = Asset.CNY, Asset.KWH
YUAN, LEAST = Decimal("12.34"), Decimal("0.000001")

fen = st.integers(1, 1_000_000).map(lambda n: Decimal(n) / 100)
price = st.integers(1, 99_999).map(lambda n: Decimal(n) / 10_000)
carried = st.integers(0, 9_999).map(lambda n: Decimal(n) / 1_000_000)


def bought(amount: str = "50.00", carried_in: str = "0.001000", carried_out: str = "0.003000") -> Quote:
    spent = Decimal(amount) + Decimal(carried_in) - Decimal(carried_out)
    return Quote(
        Decimal(amount), Decimal(carried_in), Decimal("0.65"), Decimal("76.92"), spent, Decimal(carried_out)
    )


def balances(moves: list[Move]) -> dict[tuple[Asset, str], Decimal]:
    """What every account has gained, without those that are as before."""
    found: dict[tuple[Asset, str], Decimal] = defaultdict(Decimal)
    for move in moves:
        found[move.asset, move.source] -= move.amount
        found[move.asset, move.destination] += move.amount
    return {account: gained for account, gained in found.items() if gained}


def test_accounts_are_named_after_what_they_belong_to() -> None:
    assert postings.holder_of(lease_id=ONE, meter_id=TWO) == f"lease:{ONE}"
    assert postings.holder_of(lease_id=None, meter_id=TWO) == f"meter:{TWO}"
    assert postings.channel_account(ONE) == f"channel:{ONE}"
    assert postings.collected(ONE) == f"collected:{ONE}"
    assert postings.payable(ONE) == f"payable:{ONE}"
    assert postings.in_transfer(ONE) == f"in_transfer:{ONE}"
    assert postings.transferred(ONE) == f"transferred:{ONE}"
    assert postings.channel_fee(ONE) == f"channel_fee:{ONE}"
    assert postings.advance("lease:1") == "advance:lease:1"
    assert postings.remainder("lease:1") == "remainder:lease:1"
    assert postings.owed(ONE) == f"owed:{ONE}"
    assert postings.meter_energy(ONE, 2) == f"meter:{ONE}:2"


def test_money_that_came_in_waits_as_the_energys_exact_price_and_the_rest_is_carried() -> None:
    assert postings.paid(source=CHANNEL, holder="h", quote=bought()) == [
        Move(CNY, CHANNEL, "advance:h", Decimal("50.00")),
        Move(CNY, "remainder:h", "advance:h", Decimal("0.001000")),
        Move(CNY, "advance:h", "remainder:h", Decimal("0.003000")),
    ]


def test_nothing_carried_is_not_booked_and_the_least_carried_is() -> None:
    plain = postings.paid(source=CHANNEL, holder="h", quote=bought(carried_in="0", carried_out="0"))
    assert plain == [Move(CNY, CHANNEL, "advance:h", Decimal("50.00"))]
    least = postings.paid(source=CHANNEL, holder="h", quote=bought("0.01", "0.000001", "0.000001"))
    assert [move.amount for move in least] == [Decimal("0.01"), LEAST, LEAST]


def test_what_the_meter_proved_is_earned_and_a_gift_earns_nothing() -> None:
    def moves(spent: str, energy: str = "76.92") -> list[Move]:
        return postings.credited(
            holder="h",
            spent_yuan=Decimal(spent),
            energy_kwh=Decimal(energy),
            meter_id=METER,
            device_epoch=2,
        )

    energy = Move(KWH, "issued", f"meter:{METER}:2", Decimal("76.92"))
    assert moves("49.998") == [Move(CNY, "advance:h", "energy_sold", Decimal("49.998")), energy]
    assert moves("0") == [energy]
    assert moves("0.000001") == [Move(CNY, "advance:h", "energy_sold", LEAST), energy]


def test_a_recharge_taken_back_is_its_reverse_in_the_other_order() -> None:
    # The holder has what this recharge left: nothing is short.
    moves = postings.cancelled(source=CHANNEL, holder="h", quote=bought(), remainder_yuan=Decimal("0.003000"))
    assert moves == [
        Move(CNY, "remainder:h", "advance:h", Decimal("0.003000")),
        Move(CNY, "advance:h", "remainder:h", Decimal("0.001000")),
        Move(CNY, "advance:h", CHANNEL, Decimal("50.00")),
    ]


def test_what_a_later_recharge_spent_of_the_remainder_comes_from_rounding() -> None:
    moves = postings.cancelled(source=CHANNEL, holder="h", quote=bought(), remainder_yuan=Decimal("0.000500"))
    assert moves[0] == Move(CNY, "rounding", "remainder:h", Decimal("0.001500"))
    assert len(moves) == 4


@given(fen, carried, carried, price)
def test_taking_back_gives_the_payer_all_and_leaves_no_remainder_below_zero(
    amount: Decimal, carried_in: Decimal, left: Decimal, price: Decimal
) -> None:
    quoted = quote(
        amount_yuan=amount, carried_in_yuan=carried_in, price_yuan_per_kwh=price, step_kwh=Decimal("0.01")
    )
    there = postings.paid(source="s", holder="h", quote=quoted)
    back = postings.cancelled(source="s", holder="h", quote=quoted, remainder_yuan=left)
    both = balances(there + back)
    assert set(both) <= {(CNY, "rounding"), (CNY, "remainder:h")}
    remaining = left + balances(back).get((CNY, "remainder:h"), Decimal(0))
    assert remaining == max(left + quoted.carried_in_yuan - quoted.carried_out_yuan, Decimal(0))
    assert all(move.amount > 0 for move in there + back)


def test_a_remainder_is_paid_out_in_whole_fen_and_the_landlord_bears_the_rest() -> None:
    assert postings.paid_out(holder="h", remainder_yuan=Decimal("0.012"), amount_yuan=Decimal("0.02")) == [
        Move(CNY, "rounding", "remainder:h", Decimal("0.008")),
        Move(CNY, "remainder:h", "cash", Decimal("0.02")),
    ]
    assert postings.paid_out(holder="h", remainder_yuan=Decimal("0.02"), amount_yuan=Decimal("0.02")) == [
        Move(CNY, "remainder:h", "cash", Decimal("0.02")),
    ]
    assert postings.paid_out(holder="h", remainder_yuan=Decimal(0), amount_yuan=Decimal(0)) == []
    short = postings.paid_out(holder="h", remainder_yuan=YUAN - LEAST, amount_yuan=YUAN)
    assert short[0] == Move(CNY, "rounding", "remainder:h", LEAST)


def test_money_that_buys_nothing_is_owed_until_it_went_back() -> None:
    owed = f"owed:{PAYMENT}"
    assert postings.surplus(source=CHANNEL, payment_id=PAYMENT, amount_yuan=YUAN) == [
        Move(CNY, CHANNEL, owed, YUAN)
    ]
    assert postings.refunded(payment_id=PAYMENT, destination=CHANNEL, amount_yuan=YUAN) == [
        Move(CNY, owed, CHANNEL, YUAN)
    ]


@pytest.mark.parametrize("amount", [YUAN, LEAST, Decimal("0.5"), Decimal(1)])
def test_a_fee_is_the_landlords_cost_and_one_given_back_is_the_same_turned_round(amount: Decimal) -> None:
    kept, fees = f"channel_fee:{ACCOUNT}", "fees"
    assert postings.fee_kept(account_id=ACCOUNT, fee_yuan=amount) == [Move(CNY, kept, fees, amount)]
    assert postings.fee_kept(account_id=ACCOUNT, fee_yuan=-amount) == [Move(CNY, fees, kept, amount)]
    assert postings.fee_kept(account_id=ACCOUNT, fee_yuan=Decimal(0)) == []


@pytest.mark.parametrize("amount", [YUAN, LEAST, Decimal("0.5"), Decimal(1)])
def test_what_the_operator_holds_is_owed_to_the_payee_and_less_after_a_refund(amount: Decimal) -> None:
    held, payable = f"collected:{ACCOUNT}", f"payable:{ACCOUNT}"
    assert postings.held_for_payee(account_id=ACCOUNT, amount_yuan=amount) == [
        Move(CNY, held, payable, amount)
    ]
    assert postings.held_for_payee(account_id=ACCOUNT, amount_yuan=-amount) == [
        Move(CNY, payable, held, amount)
    ]
    assert postings.held_for_payee(account_id=ACCOUNT, amount_yuan=Decimal(0)) == []


def test_a_transfer_is_on_its_way_until_it_arrived_or_is_owed_again() -> None:
    payable, under_way = f"payable:{ACCOUNT}", f"in_transfer:{SETTLEMENT}"

    def ended(arrived: bool) -> list[Move]:
        return postings.transfer_ended(
            account_id=ACCOUNT, settlement_id=SETTLEMENT, amount_yuan=YUAN, arrived=arrived
        )

    begun = postings.transfer_begun(account_id=ACCOUNT, settlement_id=SETTLEMENT, amount_yuan=YUAN)
    assert begun == [Move(CNY, payable, under_way, YUAN)]
    assert ended(True) == [Move(CNY, under_way, f"transferred:{ACCOUNT}", YUAN)]
    assert ended(False) == [Move(CNY, under_way, payable, YUAN)]

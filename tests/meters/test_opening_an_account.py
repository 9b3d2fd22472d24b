"""An account is opened once, before any recharge, and believed when the status word says so."""

from decimal import Decimal
from typing import Any

import pytest

from apps.meters import frames
from apps.meters.states import CommandKind, CommandState, Frozen
from tests.meter_gateway.simulator.bench import SERIAL
from tests.meters.street_of_one import Line, StreetOfOne


def _fresh_street(**changes: Any) -> StreetOfOne:
    return StreetOfOne(remaining_kwh="0.00", meter_is={"account_open": False}, **changes)


def test_an_opening_goes_before_the_recharge_that_was_asked_for_first() -> None:
    street = _fresh_street()
    paid = street.want(CommandKind.CREDIT, "10.00")
    opened = street.want(CommandKind.OPEN_ACCOUNT, "0.00")
    street.run_until_quiet()
    assert street.store.ended == {opened: CommandState.DONE, paid: CommandState.DONE}
    meter = street.meter.state
    assert meter.account_open
    assert meter.customer_no == street.state.customer_no == f"00{SERIAL[2:]}"
    assert street.meter.remaining_kwh == Decimal("10.00")
    assert street.store.told.power[-1].account_opened


def test_an_account_that_is_open_already_is_left_as_it_is() -> None:
    street = StreetOfOne()
    before = street.meter.state.purchase_count
    opened = street.want(CommandKind.OPEN_ACCOUNT, "0.00")
    street.run_until_quiet()
    assert street.store.ended[opened] == CommandState.DONE
    assert street.store.told.steps[-1][2] == "the account was open already"
    assert street.meter.state.purchase_count == before
    assert street.frames_issued == []


@pytest.mark.parametrize("lost", ["lose_question", "lose_answer", "lose_letter", "late_report"])
def test_over_any_line_the_account_is_opened_once_and_every_recharge_arrives_once(lost: str) -> None:
    for seed in range(12):
        street = _fresh_street(seed=seed, line=Line(**{lost: 0.35, "double_question": 0.2, "relogin": 0.03}))
        street.want(CommandKind.OPEN_ACCOUNT, "0.00")
        street.want(CommandKind.CREDIT, "10.00")
        street.run_until_quiet()
        assert not street.state.frozen, seed
        assert street.meter.state.purchase_count == street.state.count == 5
        assert street.meter.purchased_kwh == street.opening_kwh + Decimal("10.00")
        assert len(set(street.frames_issued)) == 2


def test_a_meter_that_refuses_to_be_opened_freezes_instead_of_taking_the_next_number() -> None:
    street = _fresh_street()
    street.want(CommandKind.OPEN_ACCOUNT, "0.00")
    street.want(CommandKind.CREDIT, "10.00")
    street.meter.change(street.now, hoarding_limit_pulses=-1)
    street.run_until_quiet()
    assert street.state.frozen == Frozen.REFUSED
    assert {command.number for command in street.state.commands} == {4, None}


def test_each_body_of_a_meter_is_opened_with_a_customer_number_of_its_own() -> None:
    numbers = {frames.customer_no("123456789012", epoch) for epoch in range(1, 101)}
    assert len(numbers) == 100
    assert all(len(number) == 12 for number in numbers)

"""Energy reset and purse initialisation: once, after a closing reading, and never again by themselves."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.meters import deciding as d
from apps.meters.deciding.resets import SETTLE
from apps.meters.states import CommandKind, CommandState, Purpose
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.parameters import parse_write_request
from meter_gateway.protocol.profiles import load_profile
from tests.meters.street_of_one import Line, StreetOfOne

RESETS = [CommandKind.RESET_ENERGY, CommandKind.INIT_PURSE]


def _resets_sent(street: StreetOfOne) -> int:
    return sum(letter.purpose is Purpose.RESET for letter in street.store.letters.values())


@pytest.mark.parametrize("kind", RESETS)
def test_a_reset_closes_the_old_body_and_proves_the_new_one(kind: CommandKind) -> None:
    street = StreetOfOne()
    total, count = street.meter.total_kwh, street.meter.state.purchase_count
    reset = street.want(kind, life_s=600)
    street.run_until_quiet()
    assert street.store.ended[reset] == CommandState.DONE
    closing, cleared = sorted(street.store.letters.values(), key=lambda letter: letter.attempt)[:2]
    assert (closing.purpose, closing.device_epoch) == (Purpose.CLOSING, 1)
    assert (cleared.purpose, cleared.device_epoch) == (Purpose.RESET, 2)
    assert street.state.device_epoch == 2
    # Known again, because the read-back has said it.
    assert street.state.count == street.meter.state.purchase_count
    assert street.state.purchased_kwh == street.meter.purchased_kwh
    if kind == CommandKind.RESET_ENERGY:
        assert street.meter.total_kwh == 0 < total
    else:
        assert street.meter.state.purchase_count == 0 < count
        assert street.meter.remaining_kwh == 0


@pytest.mark.parametrize("kind", RESETS)
def test_the_frame_leaves_once_whatever_becomes_of_its_answer(kind: CommandKind) -> None:
    outcomes = set()
    for seed in range(25):
        street = StreetOfOne(
            seed=seed, line=Line(lose_question=0.15, lose_answer=0.2, lose_letter=0.15, relogin=0.03)
        )
        reset = street.want(kind, life_s=6_000)
        street.run_until_quiet()
        outcome = street.store.ended[reset]
        outcomes.add(outcome)
        assert _resets_sent(street) == 1
        happened = street.meter.total_kwh == 0 or street.meter.state.purchase_count == 0
        assert happened is (outcome == CommandState.DONE), seed
        assert street.state.count == street.meter.state.purchase_count
    assert outcomes == {CommandState.DONE, CommandState.REJECTED}


@pytest.mark.parametrize("lost", [False, True])
def test_the_purse_of_a_model_recharged_by_writes_is_cleared_by_its_makers_write_and_only_once(
    lost: bool,
) -> None:
    street = StreetOfOne(profile=load_profile("ddsy-4g-write"))
    reset = street.want(CommandKind.INIT_PURSE, life_s=600)
    street.second()
    street.line.lose_answer = int(lost)
    street.second()
    street.line.lose_answer = 0
    street.run_until_quiet()
    assert street.store.ended[reset] == CommandState.DONE
    assert street.meter.remaining_kwh == 0
    sent = [letter for letter in street.store.letters.values() if letter.purpose is Purpose.RESET]
    assert [parse_write_request(Frame.decode(bytes.fromhex(x.frames[0][8:]))).di for x in sent] == [
        "000A0300"
    ]


def test_a_reset_that_was_lost_is_given_up_only_when_no_line_can_bring_it_any_more() -> None:
    street = StreetOfOne()
    reset = street.want(CommandKind.RESET_ENERGY, life_s=600)
    street.second()
    street.line.lose_letter = 1
    street.second()
    street.line.lose_letter = 0
    sent_at = next(x.created_at for x in street.store.letters.values() if x.purpose is Purpose.RESET)
    street.run_until_quiet()
    assert street.store.ended[reset] == CommandState.REJECTED
    assert street.now - sent_at >= SETTLE
    assert street.store.told.steps[-1][2] == "it did not happen, and nothing is sent again by itself"


def test_energy_that_was_paid_for_meanwhile_comes_first_and_the_reset_is_taken_back() -> None:
    street = StreetOfOne()
    reset = street.want(CommandKind.INIT_PURSE, life_s=600)
    credit = street.want(CommandKind.CREDIT, "10.00")
    street.run_until_quiet()
    assert street.store.ended == {reset: CommandState.CANCELLED, credit: CommandState.DONE}
    assert (street.state.device_epoch, _resets_sent(street)) == (1, 0)


def test_credits_and_reads_wait_until_a_lost_reset_is_settled_and_then_count_anew() -> None:
    street = StreetOfOne()
    reset = street.want(CommandKind.INIT_PURSE, life_s=600)
    street.second()
    street.store.meters[street.meter_id] = replace(street.state, session=None)
    credit, read = street.want(CommandKind.CREDIT, "10.00"), street.want(CommandKind.READ, life_s=9_000)
    street.run(900)
    assert _open(street) == {reset, credit, read}
    street.log_in_again()
    street.run_until_quiet()
    assert street.store.ended[reset] == CommandState.DONE
    assert street.store.ended[credit] == CommandState.DONE
    assert street.meter.state.purchase_count == 1
    assert street.meter.remaining_kwh == Decimal("10.00")


def _open(street: StreetOfOne) -> set[object]:
    return {command.id for command in street.state.commands}


def test_a_reset_that_never_left_expires_and_begins_no_body() -> None:
    street = StreetOfOne()
    street.store.meters[street.meter_id] = replace(street.state, session=None)
    reset = street.want(CommandKind.RESET_ENERGY, life_s=60)
    street.now += timedelta(seconds=61)
    street.happen(d.Rung(street.now))
    assert street.store.ended[reset] == CommandState.EXPIRED
    assert street.state.device_epoch == 1


def test_a_credit_frame_of_the_old_body_is_worth_nothing_to_the_opened_new_one() -> None:
    street = StreetOfOne(meter_is={"count": 0, "account_open": False}, remaining_kwh="0.00")
    street.want(CommandKind.OPEN_ACCOUNT, "0.00")
    street.want(CommandKind.CREDIT, "10.00")
    street.run_until_quiet()
    recorded = street.frames_issued[-1]
    street.want(CommandKind.INIT_PURSE, life_s=600)
    street.run_until_quiet()
    street.meter.change(street.now, account_open=False)
    street.want(CommandKind.OPEN_ACCOUNT, "0.00")
    street.run_until_quiet()
    street.port.receive(bytes.fromhex(recorded), street.now)
    assert street.meter.remaining_kwh == 0


@pytest.mark.parametrize("kind", RESETS)
def test_a_recharge_that_comes_after_it_was_asked_and_before_it_left_takes_its_place(
    kind: CommandKind,
) -> None:
    street = StreetOfOne().know_count()
    reset = street.want(kind, life_s=600)
    credit = street.want(CommandKind.CREDIT, energy_kwh="3.50")
    street.run_until_quiet()
    assert street.store.ended[credit] == CommandState.DONE
    assert street.store.ended[reset] == CommandState.CANCELLED
    assert _resets_sent(street) == 0

"""A credit reaches the meter once and is believed only when proved, whatever the line does."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.meters import deciding as d
from apps.meters.states import CommandKind, CommandState, Frozen, Purpose
from meter_gateway.protocol.profiles import load_profile
from tests.meters.street_of_one import NAUGHTY_LINE, Line, StreetOfOne


def test_a_credit_is_numbered_sent_and_proved() -> None:
    street = StreetOfOne()
    credit = street.want(CommandKind.CREDIT, "76.92")
    street.run_until_quiet()
    assert street.store.ended[credit] == CommandState.DONE
    assert street.meter.state.purchase_count == 4
    assert street.meter.purchased_kwh == Decimal("236.92")
    assert (street.state.count, street.state.purchased_kwh) == (4, Decimal("236.92"))
    assert street.store.told.finished == [credit]


def test_the_second_credit_waits_until_the_first_is_proved() -> None:
    street = StreetOfOne()
    first = street.want(CommandKind.CREDIT, "10.00")
    second = street.want(CommandKind.CREDIT, "20.00")
    order = []
    while street.state.commands:
        street.second()
        order = [c for c in (first, second) if c in street.store.ended]
        unproved = [c for c in street.state.commands if c.number is not None]
        assert len(unproved) <= 1
    assert order == [first, second]
    assert street.meter.state.purchase_count == 5


def test_a_lost_acknowledgement_is_resolved_by_reading_back_not_by_sending_again() -> None:
    street = StreetOfOne()
    credit = street.want(CommandKind.CREDIT, "10.00")
    street.carry_post()
    street.hear_reports()
    street.line.lose_answer = 1
    street.carry_post()
    assert street.meter.state.purchase_count == 4
    street.line.lose_answer = 0
    street.run_until_quiet()
    assert street.store.ended[credit] == CommandState.DONE
    assert len(street.frames_issued) == 1


def test_a_lost_question_is_followed_by_the_very_same_bytes() -> None:
    street = StreetOfOne()
    street.want(CommandKind.CREDIT, "10.00")
    street.carry_post()
    street.hear_reports()
    street.line.lose_question = 1
    street.carry_post()
    street.line.lose_question = 0
    street.run_until_quiet()
    assert len(street.frames_issued) == 2
    assert len(set(street.frames_issued)) == 1
    assert street.meter.state.purchase_count == 4


def test_a_credit_can_be_taken_back_only_before_its_bytes_are_stored() -> None:
    street = StreetOfOne()
    credit = street.want(CommandKind.CREDIT, "10.00")
    street.happen(d.CancelAsked(street.now, credit))
    assert street.store.ended[credit] == CommandState.CANCELLED
    later = street.want(CommandKind.CREDIT, "10.00")
    street.carry_post()
    street.hear_reports()
    street.carry_post()
    street.hear_reports()
    stored = street.state.command(later)
    assert stored is None or stored.number is not None
    street.happen(d.CancelAsked(street.now, later))
    street.run_until_quiet()
    assert street.store.ended[later] == CommandState.DONE
    assert street.meter.state.purchase_count == 4


def _bought_elsewhere() -> StreetOfOne:
    """A read has noted a purchase nobody here made."""
    street = StreetOfOne()
    street.want(CommandKind.READ, life_s=60)
    street.run_until_quiet()
    street.meter.credit(Decimal("5.00"), purchase_count=4, customer_no="000000000001", now=street.now)
    street.want(CommandKind.READ, life_s=60)
    street.run_until_quiet()
    return street


def test_a_plain_read_that_differs_is_noted_and_freezes_nothing() -> None:
    street = _bought_elsewhere()
    assert (street.state.differs, street.state.frozen, street.state.count) == (True, "", 3)
    noted = street.store.told.shown[-1]
    assert (noted.count, noted.purchased_kwh, noted.differs) == (4, Decimal("165.00"), True)


def test_a_difference_that_was_only_a_wrong_reading_stops_no_credit() -> None:
    street = StreetOfOne()
    street.want(CommandKind.READ, life_s=60)
    street.run_until_quiet()
    right = street.meter.purchased_kwh
    street.meter.put_purchased(right + 7, street.now)
    street.want(CommandKind.READ, life_s=60)
    street.run_until_quiet()
    assert street.state.differs
    street.meter.put_purchased(right, street.now)
    credit = street.want(CommandKind.CREDIT, "10.00")
    assert street.post[0].purpose is Purpose.COUNT
    street.run_until_quiet()
    assert street.store.ended[credit] == CommandState.DONE
    assert not street.state.differs


def test_a_purchase_nobody_here_made_freezes_credits_but_not_reads() -> None:
    street = _bought_elsewhere()
    credit = street.want(CommandKind.CREDIT, "10.00")
    street.run_until_quiet()
    assert street.state.frozen == Frozen.FOREIGN_PURCHASE
    read = street.want(CommandKind.READ, life_s=60)
    street.run(5)
    assert street.state.command(credit).number is None  # type: ignore[union-attr]
    assert street.store.ended[read] == CommandState.DONE


def test_a_meter_that_keeps_refusing_freezes_after_five_times_and_says_why() -> None:
    street = StreetOfOne(remaining_kwh="990.00")
    credit = street.want(CommandKind.CREDIT, "76.92")
    street.run_until_quiet()
    assert street.state.frozen == Frozen.REFUSED
    assert "over_hoarding_limit" in street.store.told.frozen[0].evidence["refusal"]
    assert credit not in street.store.ended
    assert street.meter.state.purchase_count == 3


@pytest.mark.parametrize("first_seed", range(0, 100, 25))
def test_on_a_naughty_line_every_credit_arrives_once_and_replays_add_nothing(first_seed: int) -> None:
    for seed in range(first_seed, first_seed + 25):
        street = StreetOfOne(seed=seed, line=NAUGHTY_LINE)
        wanted = ["10.00", "0.01", "76.92", "3.50"]
        credits = []
        for energy in wanted:
            credits.append(street.want(CommandKind.CREDIT, energy))
            street.run(street.dice.randrange(20))
        street.run_until_quiet()
        assert not street.state.frozen, seed
        assert [street.store.ended[c] for c in credits] == [CommandState.DONE] * 4, seed
        expected = street.opening_kwh + sum(map(Decimal, wanted))
        assert street.meter.purchased_kwh == expected, seed
        assert street.meter.state.purchase_count == 3 + len(wanted), seed
        for frame in street.frames_issued:
            street.port.receive(bytes.fromhex(frame), street.now)
        assert street.meter.purchased_kwh == expected, seed


def test_firmware_that_forgets_the_count_in_a_power_cut_is_found_out_before_a_resend() -> None:
    caught = 0
    for seed in range(60):
        line = Line(cut_power=0.2, lose_answer=0.1)
        street = StreetOfOne(seed=seed, line=line, atomic_flash=False)
        credit = street.want(CommandKind.CREDIT, "10.00")
        street.run_until_quiet()
        if street.state.frozen:
            assert street.state.frozen == Frozen.CONTRADICTION
            assert credit not in street.store.ended
            caught += 1
        assert street.meter.purchased_kwh == Decimal("170.00"), seed
    assert caught > 0


def test_a_model_that_cannot_tell_a_repeat_is_never_sent_its_credit_again() -> None:
    street = StreetOfOne(profile=load_profile("ddsy-4g-write"), line=Line(lose_question=1))
    credit = street.know_count().want(CommandKind.CREDIT, "10.00")
    for _minute in range(24 * 60):
        street.now += timedelta(minutes=1)
        street.carry_post()
        street.hear_reports()
        street.line.lose_question = 0
        street.happen(d.Rung(street.now))
    assert len(street.frames_issued) == 1
    assert street.state.frozen == Frozen.UNCERTAIN
    assert credit not in street.store.ended

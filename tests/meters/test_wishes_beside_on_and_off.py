"""Keep-power, its release and the alarm lamp: wishes like on and off, proved by the status word."""

from dataclasses import replace

from apps.meters.states import CommandKind, CommandState
from meter_gateway.protocol.profiles import load_profile
from tests.meters.street_of_one import Line, StreetOfOne


def _ended(street: StreetOfOne, kind: CommandKind, life_s: int = 600) -> CommandState:
    command_id = street.want(kind, life_s=life_s)
    street.run_until_quiet()
    return street.store.ended[command_id]


def test_a_meter_that_keeps_its_power_refuses_to_switch_off_and_the_life_says_why() -> None:
    street = StreetOfOne()
    assert _ended(street, CommandKind.KEEP_POWER) == CommandState.DONE
    assert street.meter.state.keep_power
    assert street.store.told.power[-1].kept
    assert _ended(street, CommandKind.POWER_OFF) == CommandState.REJECTED
    assert street.store.told.steps[-1][2] == "refused: the meter keeps its power on until it is released"
    assert street.meter.state.relay_closed
    assert _ended(street, CommandKind.RELEASE_KEEP) == CommandState.DONE
    assert not street.store.told.power[-1].kept
    assert _ended(street, CommandKind.POWER_OFF) == CommandState.DONE
    assert not street.meter.state.relay_closed


def test_of_keep_release_on_and_off_the_newest_wins_over_any_line() -> None:
    kinds = [
        CommandKind.POWER_OFF,
        CommandKind.KEEP_POWER,
        CommandKind.RELEASE_KEEP,
        CommandKind.POWER_ON,
        CommandKind.KEEP_POWER,
    ]
    for seed in range(40):
        street = StreetOfOne(seed=seed, line=Line(lose_question=0.3, lose_answer=0.3, relogin=0.05))
        for kind in kinds[: 2 + seed % 4]:
            newest = kind
            street.want(kind, life_s=600)
            street.run(street.dice.randrange(6))
        street.run_until_quiet()
        meter = street.meter.state
        match newest:
            case CommandKind.KEEP_POWER:
                assert meter.keep_power, seed
            case CommandKind.RELEASE_KEEP:
                assert not meter.keep_power, seed
            case _:
                assert meter.relay_closed, seed


def test_a_kept_meter_that_is_empty_is_released_and_then_shows_no_power() -> None:
    street = StreetOfOne(remaining_kwh="0")
    assert _ended(street, CommandKind.KEEP_POWER) == CommandState.DONE
    assert street.store.told.power[-1].on
    assert street.state.wished_on is True
    assert _ended(street, CommandKind.RELEASE_KEEP) == CommandState.DONE
    assert not street.store.told.power[-1].on


def test_the_lamp_is_lit_and_put_out_by_what_the_status_word_shows() -> None:
    street = StreetOfOne(line=Line(lose_answer=0.5), seed=3)
    assert _ended(street, CommandKind.LAMP_ON) == CommandState.DONE
    assert street.meter.lamp_on
    assert street.store.told.power[-1].lamp_on
    assert _ended(street, CommandKind.LAMP_OFF) == CommandState.DONE
    assert not street.meter.lamp_on


def test_of_two_wishes_for_the_lamp_the_older_one_dies_unsent() -> None:
    street = StreetOfOne()
    street.store.meters[street.meter_id] = replace(street.state, session=None)
    lit = street.want(CommandKind.LAMP_ON, life_s=600)
    dark = street.want(CommandKind.LAMP_OFF, life_s=600)
    street.log_in_again()
    street.run_until_quiet()
    assert (street.store.ended[lit], street.store.ended[dark]) == (CommandState.CANCELLED, CommandState.DONE)


def test_a_letter_to_a_sleepy_meter_is_given_more_time_than_its_answers_may_take() -> None:
    quick, sleepy = StreetOfOne(), StreetOfOne(profile=load_profile("dtsy-nb"))
    for street in (quick, sleepy):
        street.want(CommandKind.READ, life_s=600)
    lives_s = [
        (street.state.letter.deadline_at - street.now).total_seconds()
        for street in (quick, sleepy)
        if street.state.letter
    ]
    assert lives_s == [20, 40]

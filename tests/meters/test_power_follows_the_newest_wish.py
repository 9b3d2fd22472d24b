"""On and off: the newest wish wins, and only the meter's own status word ends it."""

from apps.meters.states import CommandKind, CommandState, PowerReason
from tests.meters.street_of_one import Line, StreetOfOne


def test_off_is_done_when_the_status_word_shows_it() -> None:
    street = StreetOfOne()
    off = street.want(CommandKind.POWER_OFF, life_s=600)
    street.run_until_quiet()
    assert street.store.ended[off] == CommandState.DONE
    assert not street.meter.state.relay_closed
    assert street.store.told.power[-1].reason == PowerReason.FORCED_OFF
    on = street.want(CommandKind.POWER_ON, life_s=600)
    street.run_until_quiet()
    assert street.store.ended[on] == CommandState.DONE
    assert street.meter.state.relay_closed


def test_an_older_wish_never_follows_a_newer_one() -> None:
    for seed in range(60):
        street = StreetOfOne(seed=seed, line=Line(lose_question=0.3, lose_answer=0.3, relogin=0.05))
        kinds = [CommandKind.POWER_OFF, CommandKind.POWER_ON, CommandKind.POWER_OFF, CommandKind.POWER_ON]
        for kind in kinds[: 2 + seed % 3]:
            newest = kind
            street.want(kind, life_s=600)
            street.run(street.dice.randrange(6))
        street.run_until_quiet()
        wants_closed = newest == CommandKind.POWER_ON
        assert street.meter.state.relay_closed is wants_closed, seed


def test_a_wish_that_could_not_be_delivered_expires_unsent() -> None:
    street = StreetOfOne(line=Line(lose_letter=1))
    off = street.want(CommandKind.POWER_OFF, life_s=60)
    street.run(90)
    assert street.store.ended[off] == CommandState.EXPIRED
    assert street.meter.state.relay_closed


def test_a_meter_that_was_forced_off_stays_off_when_it_is_recharged() -> None:
    street = StreetOfOne()
    street.want(CommandKind.POWER_OFF, life_s=600)
    street.run_until_quiet()
    street.want(CommandKind.CREDIT, "10.00")
    street.run_until_quiet()
    assert not street.meter.state.relay_closed
    assert street.store.told.power[-1].reason == PowerReason.FORCED_OFF


def test_a_yes_alone_is_not_believed_while_the_status_word_shows_another_state() -> None:
    street = StreetOfOne(meter_is={"relay_operations": 100_000})
    off = street.want(CommandKind.POWER_OFF, life_s=600)
    street.run_until_quiet()
    said = [note for _id, _to, note in street.store.told.steps]
    assert "said yes, but does not show it yet" in said
    assert street.store.ended[off] == CommandState.EXPIRED
    assert street.meter.state.relay_closed, "its contact is worn and stays where it was"

"""Commands to the relay and the lamp, as the meter obeys or refuses them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from meter_gateway.protocol.frames import Function
from meter_gateway.protocol.relay import Auth, RelayAction
from meter_gateway.protocol.replies import Accepted, Refused, parse_reply
from tests.meter_gateway.simulator.bench import (
    LOCAL_NOON,
    PROFILE,
    SERIAL,
    asked,
    meter_on_bench,
    port_on_bench,
    status,
    switch,
)


def test_a_relay_command_is_obeyed_and_shown_in_the_status_word() -> None:
    port = port_on_bench(meter_on_bench())
    answer = asked(port, switch(RelayAction.TRIP))
    assert answer is not None
    assert parse_reply(answer) == Accepted(SERIAL, Function.RELAY)
    assert (status(port).relay_open, status(port).relay_command_open) == (True, True)
    asked(port, switch(RelayAction.CLOSE))
    assert (status(port).relay_open, status(port).relay_command_open) == (False, False)


def test_a_trip_at_zero_shows_an_open_relay_without_an_open_command() -> None:
    word = status(port_on_bench(meter_on_bench(remaining_kwh="0.00")))
    assert (word.relay_open, word.relay_command_open, word.pre_trip_alarm) == (True, False, True)


def test_an_expired_command_is_refused() -> None:
    meter = meter_on_bench()
    answer = asked(port_on_bench(meter), switch(RelayAction.TRIP, until=LOCAL_NOON - timedelta(seconds=1)))
    assert answer is not None
    reply = parse_reply(answer)
    assert isinstance(reply, Refused)
    assert (answer.control, reply.error_names) == (0xDC, {"other"})
    assert meter.state.relay_closed


def test_validity_is_judged_on_the_meters_own_clock() -> None:
    meter = meter_on_bench(clock_ahead_s=3600)
    answer = asked(port_on_bench(meter), switch(RelayAction.TRIP))
    assert answer is not None
    assert isinstance(parse_reply(answer), Refused)
    assert meter.state.relay_closed


@pytest.mark.parametrize(
    "auth",
    [replace(PROFILE.auth, password="111111"), replace(PROFILE.auth, level=4)],
    ids=["password", "level"],
)
def test_a_command_with_the_wrong_credentials_is_refused(auth: Auth) -> None:
    meter = meter_on_bench()
    answer = asked(port_on_bench(meter), switch(RelayAction.TRIP, auth=auth))
    assert answer is not None
    reply = parse_reply(answer)
    assert isinstance(reply, Refused)
    assert reply.error_names == {"unauthorised"}
    assert meter.state.relay_closed


def test_keep_power_refuses_a_trip_and_shows_in_the_status_word() -> None:
    port = port_on_bench(meter_on_bench())
    asked(port, switch(RelayAction.KEEP))
    refused = asked(port, switch(RelayAction.TRIP))
    assert refused is not None
    assert isinstance(parse_reply(refused), Refused)
    assert status(port).keep_power
    asked(port, switch(RelayAction.RELEASE))
    assert not status(port).keep_power


def test_alarm_commands_switch_the_lamp() -> None:
    meter = meter_on_bench()
    port = port_on_bench(meter)
    asked(port, switch(RelayAction.ALARM))
    assert meter.lamp_on
    asked(port, switch(RelayAction.ALARM_OFF))
    assert not meter.lamp_on

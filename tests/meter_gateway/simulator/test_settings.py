"""What may be set, cleared and locked from afar, and by whom."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.clearing import clear_demand_request, clear_events_request, clear_meter_request
from meter_gateway.protocol.codecs import MaxDemand
from meter_gateway.protocol.frames import ANY_ADDRESS, Frame
from meter_gateway.protocol.parameters import (
    Password,
    change_baud_request,
    change_password_request,
    write_address_request,
    write_raw_request,
    write_request,
)
from meter_gateway.protocol.relay import Auth, RelayAction, relay_request
from meter_gateway.protocol.replies import Accepted, Refused, parse_reply
from meter_gateway.protocol.timing import FreezeTime, broadcast_time, freeze_request
from meter_gateway.simulator.load import SteadyLoad
from meter_gateway.simulator.peaks import NO_DEMAND
from meter_gateway.simulator.port import Port
from meter_gateway.simulator.snapshot import from_texts, to_texts
from tests.meter_gateway.simulator.bench import (
    HOUR,
    NOON,
    PROFILE,
    SERIAL,
    asked,
    meter_on_bench,
    port_on_bench,
    read,
)

CONTROL = PROFILE.auth
PARAMETERS = replace(CONTROL, level=4)
STRANGER = replace(CONTROL, password="111111")
LOCAL_NOON = datetime(2026, 11, 23, 12, 0)  # noqa: DTZ001 - the meter's own wall clock


def outcome(port: Port, frame: Frame, now: datetime = NOON) -> frozenset[str] | str:
    answer = asked(port, frame, now)
    if answer is None:
        return "silence"
    reply = parse_reply(answer)
    if isinstance(reply, Refused):
        return reply.error_names
    assert isinstance(reply, Accepted)
    return "done"


@pytest.mark.parametrize("auth", [CONTROL, PARAMETERS], ids=["control", "parameters"])
@pytest.mark.parametrize(
    ("di", "value"),
    [
        ("0400040E", "000000004711"),
        ("04000F01", Decimal("20.00")),
        ("04000F02", Decimal("2.00")),
        ("04000F03", Decimal("500.00")),
        ("04000F04", Decimal("3.00")),
        ("04000101", date(2026, 12, 1)),
        ("04000102", time(3, 30, 15)),
        ("0400010C", datetime(2027, 1, 2, 3, 4, 5)),  # noqa: DTZ001 - the meter's own wall clock
    ],
)
def test_a_register_is_written_and_read_back(auth: Auth, di: str, value: Any) -> None:
    meter = meter_on_bench()
    port = port_on_bench(meter)
    assert outcome(port, write_request(SERIAL, di, auth, value)) == "done"
    assert read(port, di) == value
    assert read(port, "03300000") == 1
    assert meter.flash == meter.state


def test_a_write_without_the_password_changes_nothing() -> None:
    meter = meter_on_bench()
    before = meter.state
    for auth in (STRANGER, replace(CONTROL, level=3)):
        frame = write_request(SERIAL, "0400040E", auth, "000000004711")
        assert outcome(port_on_bench(meter), frame) == {"unauthorised"}
    assert meter.state == before


@pytest.mark.parametrize(
    ("di", "data", "names"),
    [
        ("00010000", bytes(4), {"no_such_data"}),
        ("0400040E", bytes(5), {"other"}),
        ("0400040E", b"\xaa" * 6, {"other"}),
        ("0400010C", bytes(7), {"other"}),
    ],
)
def test_a_write_that_makes_no_sense_is_refused(di: str, data: bytes, names: set[str]) -> None:
    meter = meter_on_bench()
    before = meter.state
    assert outcome(port_on_bench(meter), write_raw_request(SERIAL, di, CONTROL, data)) == names
    assert meter.state == before


def test_a_written_clock_moves_any_distance_and_is_counted() -> None:
    meter = meter_on_bench()
    port = port_on_bench(meter)
    later = LOCAL_NOON + timedelta(days=400)
    assert outcome(port, write_request(SERIAL, "0400010C", CONTROL, later)) == "done"
    assert meter.clock(NOON + timedelta(seconds=30)) == later + timedelta(seconds=30)
    assert read(port, "03300400") == 1


def test_a_changed_password_is_the_only_one_that_holds() -> None:
    meter = meter_on_bench()
    port = port_on_bench(meter)
    change = change_password_request(SERIAL, Password(2, "000000"), Password(2, "123456"))
    answer = asked(port, change)
    assert answer is not None
    assert answer.data == Password(2, "123456").encode()
    until = LOCAL_NOON + timedelta(minutes=5)
    trip = relay_request(SERIAL, RelayAction.TRIP, CONTROL, until)
    assert outcome(port, trip) == {"unauthorised"}
    trip = relay_request(SERIAL, RelayAction.TRIP, replace(CONTROL, password="123456"), until)
    assert outcome(port, trip) == "done"
    assert outcome(port, change) == {"unauthorised"}


def test_a_lesser_password_cannot_change_a_greater_one() -> None:
    port = port_on_bench(meter_on_bench())
    frame = change_password_request(SERIAL, Password(4, "000000"), Password(2, "123456"))
    assert outcome(port, frame) == {"unauthorised"}


def test_clearing_the_meter_starts_its_energy_at_zero_and_leaves_the_purse() -> None:
    meter = meter_on_bench()
    port = port_on_bench(meter)
    later = NOON + timedelta(days=2)
    meter.put_remaining(Decimal(100), NOON)
    meter.advance(later)
    assert outcome(port, clear_meter_request(SERIAL, STRANGER), later) == {"unauthorised"}
    assert meter.total_kwh > 1520
    assert outcome(port, clear_meter_request(SERIAL, CONTROL), later) == "done"
    assert (meter.total_kwh, meter.state.freezes) == (0, ())
    assert (meter.remaining_kwh, meter.state.purchase_count, meter.purchased_kwh) == (52, 3, 160)
    assert read(port, "03300100", later) == 1


def test_clearing_events_leaves_only_its_own_count() -> None:
    meter = meter_on_bench()
    port = port_on_bench(meter)
    meter.trip(NOON)
    assert read(port, "1D000001") == 1
    assert read(port, "1D000101") == LOCAL_NOON
    assert outcome(port, clear_events_request(SERIAL, CONTROL)) == "done"
    assert (read(port, "1D000001"), read(port, "1D000101"), read(port, "03300300")) == (0, None, 1)
    assert meter.state.relay_operations == 1


def test_the_highest_quarter_of_an_hour_is_kept_until_it_is_cleared_or_the_month_ends() -> None:
    meter = meter_on_bench(load_kw="2", remaining_kwh="900.00")
    port = port_on_bench(meter)
    assert read(port, "01010000") == NO_DEMAND
    at = NOON + timedelta(minutes=20)
    meter.set_demand(SteadyLoad(Decimal("3.5")), at)
    meter.set_demand(SteadyLoad(Decimal(1)), at + timedelta(minutes=10))
    # 5 of its 15 minutes at 2 kW and 10 at 3.5 kW.
    peak = MaxDemand(Decimal("3.0000"), LOCAL_NOON + timedelta(minutes=30))
    assert read(port, "01010000", NOON + HOUR) == peak
    assert read(port, "0101FF00", NOON + HOUR) == (peak, peak, *(NO_DEMAND,) * 3)
    assert read(port, "01020000", NOON + HOUR) == NO_DEMAND
    assert from_texts(to_texts(meter.state)) == meter.state
    assert outcome(port, clear_demand_request(SERIAL, CONTROL), NOON + HOUR) == "done"
    assert read(port, "01010000", NOON + HOUR) == NO_DEMAND
    assert read(port, "01010000", NOON + 2 * HOUR) == MaxDemand(
        Decimal("1.0000"), LOCAL_NOON + timedelta(minutes=75)
    )
    meter.set_demand(SteadyLoad(Decimal(0)), NOON + 2 * HOUR)
    assert read(port, "01010000", NOON + timedelta(days=9)) == NO_DEMAND


def test_what_a_socket_or_a_seal_forbids_is_refused() -> None:
    port = port_on_bench(meter_on_bench())
    assert outcome(port, change_baud_request(SERIAL, 2400)) == {"baud_locked"}
    assert outcome(port, write_address_request("000000000042")) == "silence"
    address = write_address_request("000000000042")
    assert outcome(port, replace(address, address=SERIAL)) == {"other"}
    assert outcome(port, freeze_request(SERIAL, FreezeTime(hour=0, minute=0))) == "done"
    assert outcome(port, freeze_request(SERIAL, FreezeTime(minute=30))) == {"other"}


@pytest.mark.parametrize("address", [ANY_ADDRESS, "999999999999"])
def test_nothing_is_changed_at_an_address_that_is_not_the_meters_own(address: str) -> None:
    meter = meter_on_bench()
    before = meter.state
    until = LOCAL_NOON + timedelta(minutes=5)
    for frame in (
        relay_request(address, RelayAction.TRIP, CONTROL, until),
        clear_meter_request(address, CONTROL),
        write_request(address, "0400040E", CONTROL, "000000004711"),
        freeze_request(address, FreezeTime()),
    ):
        assert outcome(port_on_bench(meter), frame) == "silence"
    assert meter.state == before


def test_the_time_is_heard_at_the_own_address_too_and_never_answered() -> None:
    meter = meter_on_bench(clock_ahead_s=100)
    assert outcome(port_on_bench(meter), broadcast_time(LOCAL_NOON, address=SERIAL)) == "silence"
    assert meter.clock(NOON) == LOCAL_NOON


def test_the_time_is_believed_once_a_day_and_not_around_midnight() -> None:
    meter = meter_on_bench(load_kw="0", clock_ahead_s=100)
    meter.hear_time(LOCAL_NOON, NOON)
    meter.hear_time(LOCAL_NOON + timedelta(seconds=200), NOON)
    assert meter.clock(NOON) == LOCAL_NOON
    tomorrow = NOON + timedelta(days=1)
    meter.hear_time(LOCAL_NOON + timedelta(days=1, seconds=60), tomorrow)
    assert meter.clock(tomorrow) == LOCAL_NOON + timedelta(days=1, seconds=60)
    near_midnight = NOON + timedelta(days=2, hours=11, minutes=57)
    meter.hear_time(LOCAL_NOON + timedelta(days=2, hours=11, minutes=57), near_midnight)
    assert meter.clock(near_midnight) == LOCAL_NOON + timedelta(days=2, hours=11, minutes=58)


class Unsure(SteadyLoad):
    """The same load, which does not tell that it is steady: the meter goes quarter by quarter."""

    @property
    def steady_kw(self) -> None:  # type: ignore[override]
        return None


@given(
    load_kw=st.sampled_from(("0", "0.0007", "0.001", "0.03", "0.37", "1.0101", "6")),
    remaining_kwh=st.sampled_from(("0.01", "0.05", "1.25", "12.40", "900.00")),
    minutes=st.lists(st.integers(1, 4_000), min_size=1, max_size=4),
    kept=st.booleans(),
    drift=st.sampled_from(("0", "-31.7", "2.5")),
)
def test_quarters_of_a_steady_load_passed_at_once_end_where_each_by_itself_does(
    load_kw: str, remaining_kwh: str, minutes: list[int], kept: bool, drift: str
) -> None:
    at_once, one_by_one = (
        meter_on_bench(
            demand=load(Decimal(load_kw)),
            remaining_kwh=remaining_kwh,
            keep_power=kept,
            peak_pulses=2,
            clock_drift_s_a_day=Decimal(drift),
        )
        for load in (SteadyLoad, Unsure)
    )
    now = NOON
    for some in minutes:
        now += timedelta(minutes=some, microseconds=some)
        at_once.advance(now)
        one_by_one.advance(now)
        assert at_once.state == one_by_one.state
        assert at_once.moves == one_by_one.moves

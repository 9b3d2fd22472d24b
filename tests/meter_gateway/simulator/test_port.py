from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.frames import ANY_ADDRESS, BROADCAST_ADDRESS, Frame, Function, decode_di
from meter_gateway.protocol.openings import Opening, heartbeat_answer, opening_of
from meter_gateway.protocol.prepaid import OPEN_ACCOUNT_DI
from meter_gateway.protocol.profiles import Profile, load_profile, names
from meter_gateway.protocol.reads import read_address_request, read_more_request, read_request
from meter_gateway.protocol.registers import REGISTERS
from meter_gateway.protocol.relay import RelayAction, encode_moment
from meter_gateway.protocol.replies import Accepted, AddressReply, ReadReply, Refused, matches, parse_reply
from meter_gateway.protocol.supply_report import SupplyReport
from tests.meter_gateway.simulator.bench import (
    HOUR,
    LOCAL_NOON,
    NOON,
    PROFILE,
    SERIAL,
    asked,
    meter_on_bench,
    port_on_bench,
    read,
    recharge,
    switch,
)

SINGLE_PHASE = load_profile("ddsy-4g")


@pytest.mark.parametrize(
    ("di", "value"),
    [
        ("00010000", Decimal("1520.25")),
        ("00900100", Decimal("12.40")),
        ("00900101", Decimal("0.00")),
        ("00900102", Decimal("160.00")),
        ("03320601", Decimal("160.00")),
        ("03320201", 3),
        ("04000401", SERIAL),
        ("0400040E", "000000000001"),
        ("04000101", date(2026, 11, 23)),
        ("04000102", time(12, 0)),
        ("0400010C", LOCAL_NOON),
        ("04000F01", Decimal("10.00")),
        ("02800002", Decimal("50.00")),
    ],
)
def test_a_register_is_read_as_it_stands(di: str, value: object) -> None:
    assert read(port_on_bench(meter_on_bench()), di) == value


@pytest.mark.parametrize(
    "profile", [load_profile(name) for name in names()], ids=lambda profile: profile.name
)
def test_every_register_is_answered_or_refused_by_name(profile: Profile) -> None:
    port = port_on_bench(meter_on_bench(load_kw="3", pulses_per_kwh=profile.pulses_per_kwh), profile)
    answered = 0
    for di in REGISTERS:
        question = read_request(SERIAL, di)
        answer = asked(port, question, NOON + timedelta(days=2))
        assert answer is not None
        assert matches(question, answer)
        reply = parse_reply(answer)
        if isinstance(reply, Refused):
            assert reply.error_names == {"no_such_data"}
        else:
            assert isinstance(reply, ReadReply)
            assert not reply.problem
            answered += 1
    assert answered > 140


def test_the_read_back_registers_of_both_profiles_exist() -> None:
    for profile in (PROFILE, SINGLE_PHASE):
        meter = meter_on_bench(pulses_per_kwh=profile.pulses_per_kwh)
        meter.advance(NOON + timedelta(days=1))
        port = port_on_bench(meter, profile)
        for field in (
            "total",
            "remaining",
            "count",
            "last_purchase",
            "purchased",
            "status",
            "customer",
            "freeze",
        ):
            assert read(port, getattr(profile, f"{field}_di"), NOON + timedelta(days=1)) is not None


def test_a_model_without_a_purchased_register_refuses_it() -> None:
    port = port_on_bench(meter_on_bench(pulses_per_kwh=1200), SINGLE_PHASE)
    answer = asked(port, read_request(SERIAL, "00900102"))
    assert answer is not None
    assert parse_reply(answer) == Refused(SERIAL, Function.READ, frozenset({"no_such_data"}), b"\x02")


def test_the_phases_share_the_load_and_carry_nothing_when_off() -> None:
    meter = meter_on_bench(load_kw="6")
    port = port_on_bench(meter)
    assert read(port, "0203FF00") == tuple(map(Decimal, ("6.0000", "3.0000", "1.8000", "1.2000")))
    assert read(port, "02020100") == Decimal("14.354")
    assert read(port, "02010100") == Decimal("219.7")
    meter.trip(NOON)
    assert read(port, "02030000") == 0
    assert read(port, "0202FF00") == (0, 0, 0)
    assert read(port, "02010100") == Decimal("220.0")


def test_a_single_phase_meter_has_no_second_phase() -> None:
    port = port_on_bench(meter_on_bench(load_kw="2", pulses_per_kwh=1200), SINGLE_PHASE)
    assert read(port, "02030100") == 2
    assert read(port, "02010200") is None


def test_the_last_purchase_is_told_in_all_its_parts() -> None:
    port = port_on_bench(meter_on_bench(load_kw="0"))
    asked(port, recharge("50.00", 4))
    parts = {
        di: read(port, di) for di in ("03320101", "03320201", "03320301", "03320401", "03320501", "03320601")
    }
    assert parts == {
        "03320101": LOCAL_NOON,
        "03320201": 4,
        "03320301": Decimal("50.00"),
        "03320401": Decimal("12.40"),
        "03320501": Decimal("62.40"),
        "03320601": Decimal("210.00"),
    }


def test_the_midnight_freeze_is_read_back() -> None:
    port = port_on_bench(meter_on_bench(remaining_kwh="100.00"))
    tomorrow = NOON + timedelta(days=1)
    frozen = read(port, "05060101", tomorrow)
    assert frozen == (Decimal("1532.25"), Decimal("1532.25"), 0, 0, 0)
    assert read(port, "05060001", tomorrow) == datetime(2026, 11, 24)  # noqa: DTZ001 - the meter's clock


@pytest.mark.parametrize(
    ("energy", "count", "customer", "names"),
    [
        ("50.00", 5, "000000000001", {"count_error"}),
        ("50.00", 3, "000000000001", {"repeated_recharge"}),
        ("50.00", 4, "000000000002", {"customer_mismatch"}),
        ("987.61", 4, "000000000001", {"over_hoarding_limit"}),
    ],
)
def test_the_bench_refusals_come_as_serr(energy: str, count: int, customer: str, names: set[str]) -> None:
    meter = meter_on_bench(load_kw="0")
    answer = asked(port_on_bench(meter), recharge(energy, count, customer=customer))
    assert answer is not None
    reply = parse_reply(answer)
    assert isinstance(reply, Refused)
    assert (answer.control, len(reply.raw), reply.error_names) == (0xC3, 2, names)
    assert (meter.state.purchase_count, meter.remaining_kwh) == (3, Decimal("12.40"))


def test_the_next_count_is_accepted_and_its_repetition_is_not() -> None:
    meter = meter_on_bench(load_kw="0")
    port = port_on_bench(meter)
    first, second = (asked(port, recharge("50.00", 4)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert parse_reply(first) == Accepted(SERIAL, Function.SECURITY, "070102FF")
    assert isinstance(parse_reply(second), Refused)
    assert meter.remaining_kwh == Decimal("62.40")


def test_a_model_without_customer_numbers_takes_any() -> None:
    meter = meter_on_bench(load_kw="0", pulses_per_kwh=1200)
    frame = recharge("50.00", 4, customer="000000000000", profile=SINGLE_PHASE)
    answer = asked(port_on_bench(meter, SINGLE_PHASE), frame)
    assert answer is not None
    assert isinstance(parse_reply(answer), Accepted)


def test_only_an_applied_credit_is_marked_as_one() -> None:
    port = port_on_bench(meter_on_bench())
    frames = [recharge("1.00", 5), recharge("1.00", 4), recharge("1.00", 4), read_request(SERIAL, "00900100")]
    answers = [answer for frame in frames for answer in port.receive(frame.encode(), NOON)]
    assert [answer.credited for answer in answers] == [False, True, False, False]


def test_the_address_is_told_to_whoever_asks() -> None:
    answer = asked(port_on_bench(meter_on_bench()), read_address_request())
    assert answer is not None
    assert parse_reply(answer) == AddressReply(SERIAL)


def test_a_wildcard_read_is_answered_with_the_real_address() -> None:
    question = read_request("AAAAAAAA9998", "00900100")
    answer = asked(port_on_bench(meter_on_bench()), question)
    assert answer is not None
    assert answer.address == SERIAL


@pytest.mark.parametrize(
    "frame",
    [
        read_request("000000219997", "00900100"),
        recharge("50.00", 4, serial="000000219997"),
        replace(recharge("50.00", 4), address=ANY_ADDRESS),
        replace(recharge("50.00", 4), address=BROADCAST_ADDRESS),
        replace(switch(RelayAction.TRIP), address=BROADCAST_ADDRESS),
        replace(switch(RelayAction.TRIP), address=ANY_ADDRESS),
        read_request(BROADCAST_ADDRESS, "00900100"),
    ],
    ids=["read", "recharge", "any recharge", "all recharge", "all trip", "any trip", "all read"],
)
def test_what_is_not_for_this_meter_is_met_with_silence(frame: Frame) -> None:
    meter = meter_on_bench()
    before = meter.state
    assert asked(port_on_bench(meter), frame) is None
    assert meter.state == before


def test_a_broadcast_time_is_heard_and_not_answered() -> None:
    meter = meter_on_bench(clock_ahead_s=100)
    assert asked(port_on_bench(meter), Frame(BROADCAST_ADDRESS, 0x08, encode_moment(LOCAL_NOON))) is None
    assert meter.clock(NOON) == LOCAL_NOON


@pytest.mark.parametrize(
    ("frame", "control"),
    [
        (read_request(SERIAL, "0FFFFFFF"), 0xD1),
        (read_more_request(SERIAL, "00900100", 1), 0xD2),
        (Frame(SERIAL, 0x1C, bytes(3)), 0xDC),
        (Frame(SERIAL, 0x14, bytes(16)), 0xD4),
        (Frame(SERIAL, 0x03, recharge("1.00", 4).data[:20]), 0xC3),
        (Frame(SERIAL, 0x03, bytes.fromhex(OPEN_ACCOUNT_DI)[::-1] + recharge("1.00", 4).data[4:]), 0xC3),
    ],
    ids=["unknown register", "no follow-up", "short relay", "write", "short recharge", "account opening"],
)
def test_what_the_meter_does_not_know_is_refused(frame: Frame, control: int) -> None:
    meter = meter_on_bench()
    answer = asked(port_on_bench(meter), frame)
    assert answer is not None
    assert answer.control == control
    assert meter.state.purchase_count == 3


def test_a_question_may_come_in_twenty_byte_pieces() -> None:
    port = port_on_bench(meter_on_bench())
    raw = recharge("50.00", 4).encode()
    pieces = [raw[start : start + 20] for start in range(0, len(raw), 20)]
    answers = [answer for piece in pieces for answer in port.receive(piece, NOON)]
    assert [answer.credited for answer in answers] == [True]


def test_half_a_question_is_forgotten_after_five_seconds() -> None:
    port = port_on_bench(meter_on_bench())
    raw = read_request(SERIAL, "00900100").encode(preamble=0)
    assert port.receive(raw[:9], NOON) == []
    assert len(port.receive(raw, NOON + timedelta(seconds=6))) == 1


def test_noise_and_the_platforms_heartbeat_answer_are_no_questions() -> None:
    port = port_on_bench(meter_on_bench())
    assert port.receive(bytes(range(40)) + heartbeat_answer(SERIAL).encode(), NOON) == []


@pytest.mark.parametrize(
    ("opening", "shape"),
    [(Opening.HEARTBEAT, Opening.HEARTBEAT), (Opening.REGISTRATION, Opening.REGISTRATION)],
)
def test_the_opening_follows_the_profile(opening: Opening, shape: Opening) -> None:
    port = port_on_bench(meter_on_bench(), replace(PROFILE, opening=opening))
    for raw in (port.opening(), port.heartbeat()):
        seen = opening_of(Frame.decode(raw))
        assert seen is not None
        assert (seen.shape, seen.serial) == (opening, SERIAL)


def test_a_text_opening_says_the_serial_once() -> None:
    port = port_on_bench(meter_on_bench(), replace(PROFILE, opening=Opening.TEXT))
    assert (port.opening(), port.heartbeat()) == (SERIAL.encode() + b"\r\n", b"ping")


def test_a_report_tells_balance_energy_and_relay() -> None:
    meter = meter_on_bench(remaining_kwh="0.00")
    frame = Frame.decode(port_on_bench(meter).report(NOON))
    assert (frame.control, decode_di(frame.data)) == (0x91, PROFILE.push_di)
    reply = parse_reply(frame)
    assert isinstance(reply, ReadReply)
    assert isinstance(reply.value, SupplyReport)
    assert (reply.value.balance, reply.value.total_energy_kwh) == (0, Decimal("1520.25"))
    assert reply.value.relay_open


def test_a_model_that_never_reports_has_nothing_to_report() -> None:
    assert port_on_bench(meter_on_bench(pulses_per_kwh=1200), SINGLE_PHASE).report(NOON) == b""


frames = st.sampled_from(
    [
        recharge("5.00", 4),
        recharge("7.00", 4),
        recharge("6.00", 5),
        recharge("8.00", 6),
        recharge("8.00", 6, customer="000000000009"),
        switch(RelayAction.TRIP),
        switch(RelayAction.CLOSE),
        read_request(SERIAL, "00900100"),
    ]
)


@given(st.lists(st.tuples(frames, st.booleans(), st.booleans()), max_size=25))
def test_no_sequence_of_frames_over_two_links_counts_a_credit_twice(
    history: list[tuple[Frame, bool, bool]],
) -> None:
    """Each step: a frame, over 4G or Bluetooth, and whether the power fails afterwards."""
    meter = meter_on_bench(load_kw="0")
    links = (port_on_bench(meter), port_on_bench(meter))
    worth: dict[int, Decimal] = {}
    for frame, by_phone, power_cut in history:
        for answer in links[by_phone].receive(frame.encode(), NOON):
            if answer.credited:
                count = int.from_bytes(frame.data[12:16], "little")
                assert count not in worth
                worth[count] = Decimal(int.from_bytes(frame.data[8:12], "little")) / 100
        if power_cut:
            meter.power_cut(NOON)
        assert meter.state.purchase_count == 3 + len(worth)
        assert meter.purchased_kwh == 160 + sum(worth.values())
        assert meter.remaining_kwh == Decimal("12.40") + sum(worth.values())


def test_flash_after_a_credit_holds_it_before_the_answer_is_sent() -> None:
    meter = meter_on_bench()
    port_on_bench(meter).receive(recharge("50.00", 4).encode(), NOON + HOUR)
    assert meter.flash.purchase_count == 4

"""Every vector says what its bytes mean; the codec must agree, both ways."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from meter_gateway.protocol.frames import BadChecksum, Function, Truncated
from meter_gateway.protocol.openings import Opening, opening_of
from meter_gateway.protocol.prepaid import parse_recharge, recharge_request
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.reads import read_address_request, read_more_request, read_request
from meter_gateway.protocol.relay import Auth, RelayAction, StatusWord3, parse_relay_request, relay_request
from meter_gateway.protocol.replies import AddressReply, ReadReply, Refused, parse_reply
from meter_gateway.protocol.stream import FrameRejected, FrameStream
from meter_gateway.protocol.supply_report import SupplyReport

from .known import SOUND, VECTORS, Vector, frame_of


def test_the_file_is_complete() -> None:
    assert (len(VECTORS), len(SOUND)) == (111, 108)


def test_every_sound_vector_gives_the_frame_the_file_names() -> None:
    for vector in SOUND:
        frame = frame_of(vector)
        named = (vector.address, vector.control, vector.di)
        assert (frame.address, frame.control, frame.di or "") == named, vector
        assert vector.raw.endswith(frame.encode(preamble=0)), vector


@pytest.mark.parametrize("vector", [v for v in VECTORS if not v.sound], ids=str)
def test_a_broken_vector_is_rejected_and_gives_no_frame(vector: Vector) -> None:
    stream = FrameStream()
    (event,) = stream.receive(vector.raw) + stream.flush()
    assert isinstance(event, FrameRejected)
    assert isinstance(event.error, Truncated if "truncated" in vector.decoded else BadChecksum)


NUMBER = re.compile(r" = (-?\d+(?:\.\d+)?)(?: |$)")
UNREADABLE = ("non-BCD", "DI 00440000", "143-byte")
WITH_NUMBER = [
    vector
    for vector in SOUND
    if vector.control == 0x91 and NUMBER.search(vector.decoded) and not vector.decoded.startswith(UNREADABLE)
]


def test_enough_vectors_name_a_value() -> None:
    assert len(WITH_NUMBER) == 26
    assert {"00010000", "00900100", "00900101", "03320201", "02030000"} <= {v.di for v in WITH_NUMBER}


@pytest.mark.parametrize("vector", WITH_NUMBER, ids=str)
def test_a_value_decodes_to_the_number_the_file_names(vector: Vector) -> None:
    found = NUMBER.search(vector.decoded)
    reply = parse_reply(frame_of(vector))
    assert found
    assert isinstance(reply, ReadReply)
    assert reply.value == Decimal(found[1])


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("0000H: relay closed", StatusWord3(0x0000)),
        ("0050H: relay OPEN", StatusWord3(0x0050)),
        ("'220V'", "220V"),
    ],
)
def test_values_that_are_no_numbers_decode_too(words: str, value: object) -> None:
    (vector,) = (v for v in SOUND if words in v.decoded)
    reply = parse_reply(frame_of(vector))
    assert isinstance(reply, ReadReply)
    assert reply.value == value


def test_a_value_that_is_not_packed_decimal_is_refused_while_its_frame_is_kept() -> None:
    (vector,) = (v for v in SOUND if "non-BCD" in v.decoded)
    reply = parse_reply(frame_of(vector))
    assert isinstance(reply, ReadReply)
    assert (reply.value, reply.raw) == (None, bytes.fromhex("00000E00"))
    assert "packed decimal" in reply.problem


def test_a_register_outside_the_table_keeps_its_bytes() -> None:
    (vector,) = (v for v in SOUND if v.di == "00440000")
    reply = parse_reply(frame_of(vector))
    assert isinstance(reply, ReadReply)
    assert (reply.value, reply.raw) == (None, bytes.fromhex("65190000"))


PUSHED = re.compile(
    r"balance=(?P<balance>\S+), overdraft=(?P<overdraft>\S+), Ua=(?P<u>\S+)V, Ia=(?P<i>\S+)A, "
    r"P=(?P<p>\S+)kW, PF=(?P<pf>\S+), total energy=(?P<energy>\S+)kWh"
)
PUSHES = [vector for vector in SOUND if vector.di == "028011FF"]


@pytest.mark.parametrize("vector", PUSHES, ids=str)
def test_a_push_decodes_to_what_the_file_names_and_back(vector: Vector) -> None:
    found = PUSHED.search(vector.decoded)
    frame = frame_of(vector)
    reply = parse_reply(frame)
    assert found
    assert isinstance(reply, ReadReply)
    report = reply.value
    assert isinstance(report, SupplyReport)
    assert {name: Decimal(text) for name, text in found.groupdict().items()} == {
        "balance": report.balance,
        "overdraft": report.overdraft,
        "u": report.voltages_v[0],
        "i": report.currents_a[0],
        "p": report.power_kw,
        "pf": report.power_factor,
        "energy": report.total_energy_kwh,
    }
    assert report.encode() == frame.data[4:]


RELAY = re.compile(
    r"\(N1=(?P<action>..)H\), password level PA=(?P<level>..) P0P1P2=(?P<password>.{6}), "
    r"operator=(?P<operator>.{8}), N2=(?P<channel>..), "
    r"valid until ss mm hh DD MM YY = (?P<ss>..) (?P<mm>..) (?P<hh>..) (?P<DD>..) (?P<MM>..) (?P<YY>..)"
)
RELAY_VECTORS = [vector for vector in SOUND if vector.control == Function.RELAY]


def low_first(text: str) -> str:
    return bytes.fromhex(text)[::-1].hex().upper()


@pytest.mark.parametrize("vector", RELAY_VECTORS, ids=str)
def test_a_relay_command_parses_to_what_the_file_names_and_is_rebuilt_bit_by_bit(vector: Vector) -> None:
    found = RELAY.search(vector.decoded)
    frame = frame_of(vector)
    request = parse_relay_request(frame)
    assert found
    assert request.action == int(found["action"], 16)
    assert request.channel == int(found["channel"], 16)
    assert request.auth == Auth(
        int(found["level"], 16), low_first(found["password"]), low_first(found["operator"])
    )
    if request.valid_until is None:
        assert {found[name] for name in ("ss", "mm", "hh", "DD", "MM", "YY")} == {"00"}
        return
    assert request.valid_until.strftime("%S %M %H %d %m %y") == " ".join(
        found[name] for name in ("ss", "mm", "hh", "DD", "MM", "YY")
    )
    rebuilt = relay_request(
        frame.address,
        RelayAction(request.action),
        request.auth,
        request.valid_until,
        channel=request.channel,
    )
    assert rebuilt == frame


def test_the_kwh_recharge_vector_parses_and_is_rebuilt_bit_by_bit() -> None:
    (vector,) = (v for v in SOUND if v.control == Function.SECURITY and "purchase count 8" in v.decoded)
    frame = frame_of(vector)
    request = parse_recharge(frame)
    assert (request.energy_kwh, request.purchase_count) == (Decimal("100.00"), 8)
    assert (request.customer_no, request.operator) == ("000000000001", "00000001")
    built = recharge_request(
        "123456789012",
        load_profile("dtsy-4g-ble"),
        energy_kwh=Decimal("100.00"),
        purchase_count=8,
        customer_no="000000000001",
    )
    default_operator = load_profile("dtsy-4g-ble").auth.encode_operator()
    assert built.data[8:] == frame.data[8:]
    assert built.data[:8] == frame.data[:4] + default_operator


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("SERR=0020H", {"count_error"}),
        ("SERR=0002H", {"repeated_recharge"}),
        ("one-byte ERR=02H", {"no_such_data"}),
        ("security (03H): ERR=01", {"other"}),
        ("relay control: ERR=01", {"other"}),
        ("write: ERR=04", {"unauthorised"}),
    ],
)
def test_a_refusal_carries_its_reasons_by_name(words: str, names: set[str]) -> None:
    (vector,) = (v for v in SOUND if words in v.decoded)
    reply = parse_reply(frame_of(vector))
    assert isinstance(reply, Refused)
    assert reply.error_names == names


READS = [v for v in SOUND if v.control == Function.READ]


def test_every_read_question_is_built_bit_by_bit() -> None:
    assert READS
    for vector in READS:
        assert read_request(vector.address, vector.di) == frame_of(vector), vector


def test_follow_up_and_address_questions_are_built_bit_by_bit() -> None:
    follow_ups = [frame_of(v) for v in SOUND if v.control == Function.READ_MORE]
    assert [read_more_request("123456789012", di, 1) for di in ("0001FF00", "00010000")] == follow_ups
    address_questions = [frame_of(v) for v in SOUND if v.control == Function.READ_ADDRESS]
    assert address_questions == [read_address_request()] * 2


def test_the_address_answer_names_the_address() -> None:
    (vector,) = (v for v in SOUND if v.control == 0x93)
    assert parse_reply(frame_of(vector)) == AddressReply("123456789012")


def test_heartbeats_are_told_from_vendor_frames_with_the_same_control() -> None:
    silent, speaking = (frame_of(v) for v in sorted(SOUND, key=lambda v: len(v.raw)) if v.control == 0x00)
    opening = opening_of(silent)
    assert opening is not None
    assert opening.shape is Opening.HEARTBEAT
    assert opening_of(speaking) is None


def test_no_vector_but_the_heartbeat_is_taken_for_an_opening() -> None:
    assert [v.control for v in SOUND if opening_of(frame_of(v))] == [0x00]

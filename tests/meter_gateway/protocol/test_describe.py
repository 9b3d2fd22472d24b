"""Frames in words."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from meter_gateway.protocol import answers, clearing, credits, parameters, reads, relay, security, timing
from meter_gateway.protocol.bcd import ValueDoesNotFit
from meter_gateway.protocol.codecs import MaxDemand, Value
from meter_gateway.protocol.describe import (
    describe,
    describe_opening,
    describe_rejected,
    told,
    value_from_text,
)
from meter_gateway.protocol.frames import Frame, FrameError, encode_di
from meter_gateway.protocol.openings import (
    Opening,
    OpeningSeen,
    heartbeat_answer,
    heartbeat_frame,
    registration_frame,
)
from meter_gateway.protocol.prepaid import CreditReport
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.registers import REGISTERS, UnknownRegister, encode_value
from meter_gateway.protocol.relay import StatusWord3
from meter_gateway.protocol.stream import FrameRejected

from .known import SOUND, frame_of
from .strategies import frames, quick

METER = "000000219998"
AUTH = relay.Auth(2, "123456", "00000001")
PROFILE = load_profile("dtsy-4g-ble")
ORDER = load_profile("ddsy-4g-order")
PASSWORD = parameters.Password(2, "123456")
PEAK = MaxDemand(Decimal("1.2345"), datetime(2026, 11, 23, 14, 30))  # noqa: DTZ001
KEYS = ["address", "control", "function", "direction", "error", "di", "values", "checksum_ok", "note"]


def values_of(frame: Frame) -> dict[str, Any]:
    return {name: told["value"] for name, told in describe(frame)["values"].items()}


def test_a_reading_comes_by_name_and_unit() -> None:
    frame = answers.answer_read(reads.read_request(METER, "00900100"), Decimal("12.50"))
    assert describe(frame) == {
        "address": METER,
        "control": "91",
        "function": "read",
        "direction": "from_meter",
        "error": None,
        "di": "00900100",
        "values": {"remaining_energy": {"value": "12.50", "unit": "kWh"}},
        "checksum_ok": True,
        "note": "",
    }


def test_every_vector_is_told_without_a_password() -> None:
    for vector in SOUND:
        line = describe(frame_of(vector))
        assert list(line) == KEYS, vector
        assert (line["address"], line["control"]) == (vector.address, f"{vector.control:02X}"), vector
        assert "563412" not in json.dumps(line["values"]) or vector.control in (0x91, 0xB1), vector


@quick
@given(frames)
def test_any_frame_at_all_can_be_told(frame: Frame) -> None:
    line = describe(frame)
    assert list(line) == KEYS
    assert json.loads(json.dumps(line)) == line


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (reads.read_request(METER, "00900100"), {"register": "remaining_energy"}),
        (reads.read_request(METER, "00440000"), {}),
        (
            reads.read_more_request(METER, "0001FF00", 2),
            {"register": "forward_active_energy_block", "follow_up": 2},
        ),
        (reads.read_address_request(), {}),
        (
            parameters.write_request(METER, "04000F01", AUTH, Decimal(20)),
            {"level": 2, "operator": "00000001", "alarm_1_energy": "20.00"},
        ),
        (
            parameters.write_raw_request(METER, "04600101", AUTH, b"\x3c\x00"),
            {"level": 2, "operator": "00000001", "raw": "3C00"},
        ),
        (
            parameters.write_raw_request(METER, "04000F01", relay.Auth(0x98, "000000", "00000001"), bytes(4)),
            {"level": 0x98, "operator": "00000001", "raw": "00000000"},
        ),
        (parameters.write_address_request(METER), {"new_address": METER}),
        (parameters.change_baud_request(METER, 9600), {"speed": 9600}),
        (parameters.change_password_request(METER, PASSWORD, PASSWORD), {"old_level": 2, "new_level": 2}),
        (clearing.clear_events_request(METER, AUTH), {"level": 2, "operator": "00000001"}),
        (timing.broadcast_time(datetime(2026, 11, 23, 12)), {"moment": "2026-11-23T12:00:00"}),  # noqa: DTZ001
        (
            timing.freeze_request(METER, timing.FreezeTime(hour=0, minute=0)),
            {"month": "every", "day": "every", "hour": 0, "minute": 0},
        ),
        (security.status_request(METER, PROFILE), {"command": "status", "operator": "00000000"}),
        (Frame(METER, 0x03, bytes(9)), {"command": "unknown", "operator": "00000000", "raw": "00"}),
        (
            credits.credit_frame(ORDER, METER, Decimal(10), order_no="7"),
            {
                "command": "recharge",
                "operator": "11223344",
                "energy_kwh": "10.00",
                "order_no": "0000000000000007",
                "mac_1": "00000000",
                "meter_no": METER,
                "mac_2": "00000000",
            },
        ),
        (Frame(METER, 0x1F, b"\x01"), {"raw": "01"}),
        (Frame(METER, 0x1D), {}),
    ],
)
def test_a_question_is_told_by_name(frame: Frame, expected: dict[str, object]) -> None:
    line = describe(frame)
    assert values_of(frame) == expected
    assert line["direction"] == "to_meter"


@pytest.mark.parametrize(("action", "name"), [(0x1A, "trip"), (0x1C, "close"), (0x77, "77H")])
def test_a_relay_command_is_told_by_name_and_until_when(action: int, name: str) -> None:
    frame = Frame(METER, 0x1C, AUTH.encode() + bytes((action, 1)) + bytes.fromhex("000012231126"))
    assert values_of(frame) == {
        "action": name,
        "level": 2,
        "operator": "00000001",
        "channel": 1,
        "valid_until": "2026-11-23T12:00:00",
    }


RECHARGE = Frame(METER, 0x03, encode_di("070102FF") + bytes(26))
CREDITED = CreditReport(Decimal("22.40"), 4, "000000000001")
PURSE = security.PurseStatus(Decimal("22.40"), 4, "000000000001")


@pytest.mark.parametrize(
    ("frame", "values", "note"),
    [
        (answers.answer_address(reads.read_address_request(), METER), {"address": METER}, ""),
        (answers.accept(RECHARGE), {}, "accepted"),
        (
            answers.accept(RECHARGE, CREDITED),
            {"remaining_kwh": "22.40", "purchase_count": 4, "customer_no": "000000000001"},
            "accepted",
        ),
        (
            answers.accept(security.status_request(METER, PROFILE), PURSE),
            {
                "remaining_kwh": "22.40",
                "purchase_count": 4,
                "customer_no": "000000000001",
                "key_info": "00000000",
            },
            "accepted",
        ),
        (
            Frame(METER, 0x83, encode_di("070000FF") + bytes(12)),
            {"random_2": "00000000", "module_serial": "0000000000000000"},
            "accepted",
        ),
        (Frame(METER, 0x83, encode_di("070002FF") + b"\x0a" * 18), {"raw": "0A" * 18}, "accepted"),
        (Frame(METER, 0x83, encode_di("ABABABAA") + b"\x01"), {"raw": "01"}, "accepted"),
        (Frame(METER, 0x98, b"\x02\x56\x34\x12"), {}, "accepted"),
        (Frame(METER, 0x97, b"\x08"), {"raw": "08"}, "accepted"),
        (
            answers.answer_read(reads.read_request(METER, "01010000"), PEAK),
            {"forward_active_demand": {"power": "1.2345", "at": "2026-11-23T14:30:00"}},
            "",
        ),
        (Frame(METER, 0x9F, b"\x01"), {"raw": "01"}, "no function of the standard"),
        (Frame(METER, 0x91, encode_di("00440000") + b"\x01"), {"raw": "01"}, "no register 00440000"),
        (
            Frame(METER, 0xB1, encode_di("0001FF00") + b"\x01"),
            {"raw": "01"},
            "part 0 of a long answer, more to come",
        ),
        (Frame(METER, 0x92, encode_di("0001FF00") + b"\x01\x02"), {"raw": "01"}, "part 2 of a long answer"),
    ],
)
def test_an_answer_is_told_by_name(frame: Frame, values: dict[str, object], note: str) -> None:
    line = describe(frame)
    assert values_of(frame) == values
    assert (line["direction"], line["note"]) == ("from_meter", note)


def test_a_refusal_names_its_reasons_and_its_word() -> None:
    line = describe(Frame(METER, 0xC3, b"\x22\x00"))
    assert line["error"] == ["count_error", "repeated_recharge"]
    assert line["note"] == "error word 2200"


def test_blocks_and_words_are_told_part_by_part() -> None:
    assert told("0201FF00", (Decimal("220.1"), None, Decimal("219.9"))) == {
        "voltage_a": {"value": "220.1", "unit": "V"},
        "voltage_b": {"value": None, "unit": "V"},
        "voltage_c": {"value": "219.9", "unit": "V"},
    }
    assert told("04000503", StatusWord3(0x0050))["status_word_3"]["value"] == {
        "word": "0050",
        "set": ["relay_command_open", "relay_open"],
    }
    words = values_of(Frame(METER, 0x91, encode_di("040005FF") + bytes(14)))
    assert list(words) == [f"status_word_{number}" for number in range(1, 8)]


def test_a_push_is_told_field_by_field() -> None:
    (frame, *_) = (frame_of(v) for v in SOUND if v.di == "028011FF")
    line = describe(frame)
    assert line["values"]["power_kw"]["unit"] == "kW"
    assert len(line["values"]["voltages_v"]["value"]) == 3
    assert line["values"]["relay_open"]["value"] in (True, False)


def test_openings_are_told_as_what_they_are() -> None:
    assert describe(registration_frame(METER))["note"].startswith("registration of a meter")
    heartbeat = describe(heartbeat_frame(METER, 0))
    assert (heartbeat["direction"], heartbeat["values"]["signal_quality"]["value"]) == ("from_meter", 0)
    assert describe(heartbeat_answer(METER))["direction"] == "to_meter"
    text = describe_opening(OpeningSeen(Opening.TEXT, "860000000000001"))
    assert (text["address"], text["function"], list(text)) == ("860000000000001", "text", KEYS)
    assert describe_opening(OpeningSeen(Opening.KEEPALIVE, ""))["address"] is None


def test_a_damaged_frame_tells_its_head_and_what_is_wrong() -> None:
    raw = reads.read_request(METER, "00900100").encode(0)[:-2] + b"\x00\x16"
    line = describe_rejected(FrameRejected(FrameError("sum"), raw))
    assert list(line) == KEYS
    assert (line["address"], line["control"], line["checksum_ok"]) == (METER, "11", False)
    assert line["note"] == f"sum: {raw.hex().upper()}"
    assert describe_rejected(FrameRejected(FrameError("short"), raw[:8]))["address"] is None


@pytest.mark.parametrize(
    ("di", "texts", "value"),
    [
        ("00900100", ["12.50"], Decimal("12.50")),
        ("02010200", ["-"], None),
        ("0201FF00", ["220.1", "-", "219.9"], (Decimal("220.1"), None, Decimal("219.9"))),
        ("04000401", [METER], METER),
        ("01010000", ["1.2345", "2026-11-23T14:30"], PEAK),
        ("01020000", ["0", "-"], MaxDemand(Decimal(0), None)),
        ("04000404", ["220V"], "220V"),
        ("04000101", ["2026-11-23"], date(2026, 11, 23)),
        ("04000102", ["12:34:56"], time(12, 34, 56)),
        ("0400010C", ["2026-11-23T12:34:56"], datetime(2026, 11, 23, 12, 34, 56)),  # noqa: DTZ001
        ("03320201", ["7"], 7),
        ("04000503", ["0x50"], StatusWord3(0x50)),
        ("04000501", ["0x8004"], 0x8004),
    ],
)
def test_a_value_can_be_written_by_hand(di: str, texts: list[str], value: Value) -> None:
    assert value_from_text(di, texts) == value
    assert encode_value(di, value)


@pytest.mark.parametrize(
    ("di", "texts"),
    [
        ("00900100", ["much"]),
        ("00900100", ["1", "2"]),
        ("04000101", ["today"]),
        ("0201FF00", ["a", "b", "c"]),
    ],
)
def test_what_is_no_value_is_a_typed_error_that_shows_the_format(di: str, texts: list[str]) -> None:
    with pytest.raises(ValueDoesNotFit, match=REGISTERS[di].name):
        value_from_text(di, texts)


def test_an_unknown_register_cannot_be_written_by_hand() -> None:
    with pytest.raises(UnknownRegister):
        value_from_text("00440000", ["1"])

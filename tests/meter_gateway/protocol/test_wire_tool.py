"""``python -m meter_gateway decode`` and ``encode``."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from meter_gateway.__main__ import main
from meter_gateway.wire_tool import decode, encode

from .known import SOUND

METER = "000000219998"


def encoded(words: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    assert encode(words.split(), out, err) == 0, err.getvalue()
    return out.getvalue().strip()


def decoded(*arguments: str, stdin: str = "") -> list[dict[str, Any]]:
    out, err = io.StringIO(), io.StringIO()
    assert decode(list(arguments), io.StringIO(stdin), out, err) == 0, err.getvalue()
    assert err.getvalue() == ""
    return [json.loads(line) for line in out.getvalue().splitlines()]


def complaint(status: int, err: io.StringIO) -> str:
    assert status == 1
    text = err.getvalue()
    assert text.endswith(".\n")
    assert text.count("\n") == 1
    return text


KINDS = {
    "read 000000219998 00900100": ("11", "remaining_energy"),
    "read 000000219998 0001FF00 --follow-up 1": ("12", "follow_up"),
    "read-address": ("13", ""),
    "relay 000000219998 trip --valid-until 2026-11-23T12:00:00": ("1C", "trip"),
    "relay 000000219998 permit-close --valid-until 2026-11-23 --level 4 --password 123456 --operator 0000000A": (
        "1C",
        "permit_close",
    ),
    "recharge 000000219998 10 --number 4 --customer 1": ("03", "recharge"),
    "recharge 000000219998 10 --profile ddsy-4g-order --order 7": ("03", "order_no"),
    "recharge 000000219998 10 --profile ddsy-4g-write": ("14", "raw"),
    "void 000000219998 10 --profile ddsy-4g-order --order 8": ("03", "void"),
    "open-account 000000219998 10 --customer 1": ("03", "open_account"),
    "open-account 000000219998 10 --customer 1 --number 2": ("03", "open_account"),
    "purse-init 000000219998 0": ("03", "purse_init"),
    "status 000000219998": ("03", "status"),
    "write 000000219998 04000F01 20.00": ("14", "alarm_1_energy"),
    "answer 000000219998 0201FF00 220.1 - 219.9": ("91", "voltage_a"),
    "broadcast-time 2026-11-23T12:00:00": ("08", "moment"),
    "freeze 000000219998 --hour 0 --minute 0": ("16", "every"),
    "password 000000219998 2:000000 2:123456": ("18", "new_level"),
    "address 000000219999": ("15", "000000219999"),
    "baud 000000219998 9600": ("17", "9600"),
    "clear-demand 000000219998": ("19", "level"),
    "clear-meter 000000219998": ("1A", "level"),
    "clear-events 000000219998": ("1B", "FFFFFFFF"),
    "registration 000000219998": ("91", "registration"),
    "heartbeat 000000219998 --signal 24": ("00", "24"),
}


@pytest.mark.parametrize(("words", "expected"), KINDS.items())
def test_what_encode_writes_decode_reads(words: str, expected: tuple[str, str]) -> None:
    (line,) = decoded(encoded(words))
    assert line["control"] == expected[0]
    assert expected[1] in json.dumps(line)
    assert line["checksum_ok"]


def test_the_preamble_is_as_long_as_asked() -> None:
    assert encoded("--preamble 0 read-address") == "68AAAAAAAAAAAA681300DF16"
    assert encoded("read-address") == "FEFEFEFE68AAAAAAAAAAAA681300DF16"


def test_frames_in_a_stream_come_out_one_line_each_with_what_was_skipped() -> None:
    question, answer = encoded(f"read {METER} 00900100"), encoded(f"answer {METER} 00900100 12.50")
    lines = decoded("11 22:33", question, "0x" + answer[:-2] + "00", answer, "AA")
    assert [line["checksum_ok"] for line in lines] == [True, False, True]
    assert lines[0]["note"] == "skipped before it: 112233"
    assert lines[2]["note"] == "skipped after it: AA"


def test_stdin_is_one_stream_over_all_its_lines() -> None:
    raw = encoded(f"answer {METER} 00900100 12.50")
    (line,) = decoded(stdin=f"{raw[:20]}\n{raw[20:]}\n")
    assert line["values"]["remaining_energy"] == {"value": "12.50", "unit": "kWh"}


def test_a_long_answer_is_told_whole_with_its_last_part() -> None:
    parts = [v.raw.hex() for v in SOUND if v.control == 0xB1] + [
        v.raw.hex() for v in SOUND if v.control == 0x92
    ]
    first, last = decoded(*parts)
    assert first["note"] == "part 0 of a long answer, more to come"
    assert last["values"]["forward_active_energy_tariff_4"]["value"] == "4444.44"
    assert last["note"] == "joined from 2 frames"


def test_a_part_without_its_first_is_told_as_it_is() -> None:
    (line,) = decoded(next(v.raw.hex() for v in SOUND if v.control == 0x92))
    assert line["note"] == "part 1 of a long answer"


def test_a_registration_text_is_told() -> None:
    (line,) = decoded(b"860000000000001\r\n".hex())
    assert (line["address"], line["function"]) == ("860000000000001", "text")


@pytest.mark.parametrize(
    ("text", "words"),
    [("xyz", "no hexadecimal digit"), ("123", "no whole bytes"), ("1122", "no frame"), ("", "no bytes")],
)
def test_decode_says_in_one_sentence_what_is_wrong(text: str, words: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert words in complaint(decode([text], io.StringIO(), out, err), err)
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "required"),
        ("sing", "invalid choice"),
        ("read 1 00900100", "twelve-digit address"),
        ("read 000000219998 90", "data identifier"),
        ("read 000000219998 00900100 --follow-up x", "whole number"),
        ("relay 000000219998 explode --valid-until 2026-11-23", "'explode' is none of trip"),
        ("relay 000000219998 trip --valid-until soon", "'soon' is no time"),
        ("recharge 000000219998 much --number 4", "'much' is no energy"),
        ("recharge 000000219998 10", "purchase count"),
        ("recharge 000000219998 10 --number 4", "customer number"),
        ("recharge 000000219998 10 --profile nobody", "no meter profile 'nobody'"),
        ("write 000000219998 00440000 1", "no register 00440000"),
        ("write 000000219998 04000F01 x", "alarm_1_energy (XXXXXX.XX)"),
        ("heartbeat 000000219998 --signal 256", "no signal quality"),
        ("baud 000000219998 1", "no speed"),
    ],
)
def test_encode_says_in_one_sentence_what_is_wrong(words: str, reason: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert reason in complaint(encode(words.split(), out, err), err)
    assert out.getvalue() == ""


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    assert decode(["--help"], io.StringIO(), out, io.StringIO()) == 0
    assert encode(["--help"], io.StringIO(), io.StringIO()) == 0
    assert "usage" in out.getvalue()
    assert "recharge" in capsys.readouterr().out


def test_both_are_reached_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["encode", "read", METER, "00900100"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(capsys.readouterr().out))
    assert main(["decode"]) == 0
    assert json.loads(capsys.readouterr().out)["di"] == "00900100"


def test_without_any_frame_what_was_skipped_is_told_all_the_same() -> None:
    out, err = io.StringIO(), io.StringIO()
    assert "skipped: 0102AB" in complaint(decode(["0102", "AB"], io.StringIO(), out, err), err)
    out, err = io.StringIO(), io.StringIO()
    assert "no bytes" in complaint(decode([], io.StringIO("\n"), out, err), err)


def test_a_damaged_question_still_goes_to_the_meter_and_a_text_has_no_checksum() -> None:
    damaged = encoded("read 000000219998 00900100")[:-4] + "FF16"
    text = b"860000000000001\r\n".hex()
    question, registration = decoded(damaged, text)[0], decoded(text)[0]
    assert (question["direction"], question["checksum_ok"]) == ("to_meter", False)
    assert (registration["function"], registration["checksum_ok"]) == ("text", None)

"""Letters from the stream: what is refused before it can reach a meter."""

import json

import pytest

from meter_gateway.letters import Ask, Grant, LetterError, Refuse, parse_letter
from meter_gateway.protocol.reads import read_request

from .bench import OTHER_SERIAL, REMAINING, SERIAL, at

FRAME = read_request(SERIAL, REMAINING).encode(preamble=0).hex().upper()
ASK = {
    "kind": "ask",
    "command": "c1",
    "attempt": 1,
    "serial": SERIAL,
    "epoch": 3,
    "expires_at": "2026-11-23T14:00:09.500000+08:00",
    "frames": [FRAME],
    "timeout_s": 8,
}


def test_an_ask_keeps_the_stored_bytes_as_they_are():
    letter = parse_letter(json.dumps(ASK))
    assert isinstance(letter, Ask)
    assert letter.questions[0].raw.hex().upper() == FRAME
    assert letter.questions[0].frame == read_request(SERIAL, REMAINING)
    assert letter.expires_at == at(9.5).utc


def test_grants_and_refusals_are_read_and_unknown_fields_ignored():
    grant = {"kind": "grant", "serial": SERIAL, "session": "s", "epoch": 4, "colour": "blue"}
    assert parse_letter(json.dumps(grant)) == Grant(SERIAL, "s", 4)
    refuse = {"kind": "refuse", "serial": SERIAL, "session": "s", "reason": "retired"}
    assert parse_letter(json.dumps(refuse)) == Refuse(SERIAL, "s", "retired")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "sing"},
        {"kind": None},
        {"frames": []},
        {"frames": [FRAME] * 33},
        {"frames": [FRAME + FRAME]},
        {"frames": [FRAME[:-4] + "0016"]},
        {"frames": ["not hex"]},
        {"frames": [None]},
        {"frames": FRAME},
        {"frames": [read_request(OTHER_SERIAL, REMAINING).encode().hex()]},
        {"frames": [FRAME], "serial": OTHER_SERIAL},
        {"expires_at": "2026-11-23T14:00:09"},
        {"expires_at": "soon"},
        {"expires_at": 5},
        {"epoch": "3"},
        {"epoch": True},
        {"attempt": None},
        {"timeout_s": 0},
        {"timeout_s": 61},
        {"timeout_s": "nan"},
        {"command": 7},
        {"serial": None},
    ],
)
def test_a_letter_that_is_not_as_agreed_is_refused(change):
    with pytest.raises(LetterError):
        parse_letter(json.dumps(ASK | change))


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", "{", "[]", "null", "7", '{"frames": []}'])
def test_what_is_no_letter_at_all_is_refused(text):
    with pytest.raises(LetterError):
        parse_letter(text)


@pytest.mark.parametrize("name", sorted(ASK))
def test_a_missing_field_is_refused(name):
    with pytest.raises(LetterError):
        parse_letter(json.dumps({key: value for key, value in ASK.items() if key != name}))

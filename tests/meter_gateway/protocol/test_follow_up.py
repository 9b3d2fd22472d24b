"""Long answers, cut by the meter and joined by the platform."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.answers import answer_read_raw, refuse
from meter_gateway.protocol.follow_up import MOST_OPEN, LongRead, OutOfOrder, Overheard, answer_long
from meter_gateway.protocol.frames import Frame, FrameError
from meter_gateway.protocol.reads import read_more_request, read_request
from meter_gateway.protocol.replies import ReadReply, Refused, parse_reply

from .known import frame_of, sound
from .strategies import quick

METER = "123456789012"
BLOCK = "0001FF00"


def read_through(raw: bytes, part: int) -> tuple[ReadReply | Refused, int]:
    read = LongRead(METER, BLOCK)
    for asked in range(1, 257):
        reply = read.take(Frame.decode(answer_long(read.question, raw, part=part).encode()))
        if reply is not None:
            return reply, asked
    raise AssertionError("never ended")


@quick
@given(st.binary(max_size=300), st.integers(2, 200))
def test_an_answer_of_any_length_comes_through_in_parts_of_any_size(raw: bytes, part: int) -> None:
    reply, asked = read_through(raw, part)
    assert isinstance(reply, ReadReply)
    assert reply.raw == raw
    assert asked == max(1, -(-len(raw) // part))


def test_a_block_in_parts_is_decoded_once_it_is_whole() -> None:
    raw = bytes.fromhex("5634120011111100222222003333330044444400")
    reply, asked = read_through(raw, 8)
    assert isinstance(reply, ReadReply)
    assert asked == 3
    assert [str(value) for value in reply.value] == ["1234.56", "1111.11", "2222.22", "3333.33", "4444.44"]  # type: ignore[union-attr]


def test_the_vectors_join_to_the_five_energies() -> None:
    (first,) = (frame_of(v) for v in sound(0xB1))
    (last,) = (frame_of(v) for v in sound(0x92))
    read = LongRead(METER, BLOCK)
    assert read.take(first) is None
    assert read.question == frame_of(next(v for v in sound(0x12) if v.di == BLOCK))
    reply = read.take(last)
    assert isinstance(reply, ReadReply)
    assert len(reply.value) == 5  # type: ignore[arg-type]


def test_a_follow_up_that_is_not_the_last_asks_for_the_next() -> None:
    (more,) = (frame_of(v) for v in sound(0xB2))
    read = LongRead(METER, BLOCK)
    read.take(answer_read_raw(read.question, bytes(8), more=True))
    assert read.take(more) is None
    assert read.question == read_more_request(METER, BLOCK, 2)


def test_a_part_out_of_order_changes_nothing() -> None:
    read = LongRead(METER, BLOCK)
    read.take(answer_read_raw(read.question, bytes(8), more=True))
    for stray in (
        answer_read_raw(read_more_request(METER, BLOCK, 2), bytes(8)),
        answer_read_raw(read_request(METER, BLOCK), bytes(8)),
        Frame(METER, 0x92),
        Frame("000000000001", 0x92, bytes(9)),
    ):
        with pytest.raises(OutOfOrder):
            read.take(stray)
    assert read.question == read_more_request(METER, BLOCK, 1)
    last = read.take(answer_read_raw(read.question, bytes(12)))
    assert isinstance(last, ReadReply)
    assert last.raw == bytes(20)


def test_a_refusal_ends_a_long_read() -> None:
    read = LongRead(METER, BLOCK)
    reply = read.take(refuse(read.question, "no_such_data"))
    assert isinstance(reply, Refused)


def test_more_than_255_follow_ups_cannot_be_asked() -> None:
    read = LongRead(METER, BLOCK)
    for _ in range(256):
        read.take(answer_read_raw(read.question, b"\x00", more=True))
    with pytest.raises(FrameError):
        _ = read.question


@pytest.mark.parametrize("sequence", [3, 255])
def test_a_part_behind_the_end_is_refused(sequence: int) -> None:
    answer = answer_long(read_more_request(METER, BLOCK, sequence), bytes(20), part=8)
    assert parse_reply(answer) == Refused(METER, 0x12, frozenset({"no_such_data"}), b"\x02")


def test_follow_up_zero_does_not_exist() -> None:
    answer = answer_long(Frame(METER, 0x12, bytes.fromhex("00FF010000")), bytes(20))
    assert isinstance(parse_reply(answer), Refused)


@pytest.mark.parametrize("control", [0x13, 0x91])
def test_only_reads_have_long_answers(control: int) -> None:
    with pytest.raises(FrameError):
        answer_long(Frame(METER, control, bytes(4)), bytes(20))


def part(di: str, sequence: int, *, more: bool) -> ReadReply:
    return ReadReply(METER, di, None, bytes((sequence,)), "partial", more, sequence)


class TestAnAnswerOverheard:
    def test_is_joined_from_its_parts(self) -> None:
        log = Overheard()
        assert log.take(part(BLOCK, 0, more=True)) is None
        assert log.take(part("00010000", 0, more=True)) is None
        assert log.take(part(BLOCK, 1, more=True)) is None
        whole = log.take(part(BLOCK, 2, more=False))
        assert whole is not None
        assert whole.raw == b"\x00\x01\x02"

    def test_with_a_gap_stays_unjoined(self) -> None:
        log = Overheard()
        log.take(part(BLOCK, 0, more=True))
        assert log.take(part(BLOCK, 2, more=False)) is None
        assert log.take(part(BLOCK, 1, more=False)) is None

    def test_is_forgotten_when_too_many_stay_open(self) -> None:
        log = Overheard()
        for number in range(MOST_OPEN + 1):
            log.take(part(f"{number:08X}", 0, more=True))
        assert log.take(part("00000000", 1, more=False)) is None
        assert log.take(part("00000001", 1, more=False)) is not None

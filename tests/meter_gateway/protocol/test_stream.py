"""Frames out of a link that splits, glues and damages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_gateway.protocol.frames import BadChecksum, BadEnd, Frame, Truncated
from meter_gateway.protocol.openings import Opening, OpeningSeen, registration_text
from meter_gateway.protocol.stream import (
    MAX_PENDING,
    BytesSkipped,
    FrameRejected,
    FrameSeen,
    FrameStream,
    StreamEvent,
)

from .strategies import frames, noise, quick

METER = "000000219998"
QUESTION = Frame(METER, 0x11, bytes.fromhex("00019000"))
ANSWER = Frame(METER, 0x91, bytes.fromhex("0001900050120000"))


def all_events(*portions: bytes) -> list[StreamEvent]:
    stream = FrameStream()
    events = [event for portion in portions for event in stream.receive(portion)]
    events += stream.flush()
    assert stream.pending == b""
    return events


def seen(events: list[StreamEvent]) -> list[Frame]:
    return [event.frame for event in events if isinstance(event, FrameSeen)]


def damaged(frame: Frame) -> bytes:
    raw = frame.encode(preamble=0)
    return raw[:-2] + bytes((raw[-2] ^ 1, raw[-1]))


def cut(raw: bytes, sizes: list[int]) -> list[bytes]:
    portions, at = [], 0
    for size in sizes:
        portions.append(raw[at : at + size])
        at += size
    return [*portions, raw[at:]]


@quick
@given(st.lists(frames, max_size=4), st.lists(st.integers(1, 30), max_size=20))
def test_frames_come_out_whole_however_the_link_splits_them(sent: list[Frame], sizes: list[int]) -> None:
    raw = b"".join(frame.encode(preamble=index % 5) for index, frame in enumerate(sent))
    assert seen(all_events(*cut(raw, sizes))) == sent


@quick
@given(noise, frames)
def test_a_frame_behind_any_noise_comes_out_at_the_latest_when_the_link_falls_silent(
    before: bytes, frame: Frame
) -> None:
    assert seen(all_events(before, frame.encode()))[-1:] == [frame]


@quick
@given(st.lists(noise, max_size=5))
def test_any_bytes_at_all_are_accounted_for_and_never_raise(portions: list[bytes]) -> None:
    events = all_events(*portions)
    raw = b"".join(portions)
    told = b"".join(event.raw for event in events)
    assert sorted(told.replace(b"\xfe", b"").replace(b"\xff", b"")) == sorted(
        raw.replace(b"\xfe", b"").replace(b"\xff", b"")
    )


FALSE_START = bytes.fromhex("68 00 00 00 00 00 00 68 91 FF")


@pytest.mark.parametrize("filling", [b"", b"\x68", b"a", b"\x68\x00\xff\x00\xff\x68", FALSE_START])
@pytest.mark.parametrize("size", [7, 600])
def test_what_waits_is_bounded(filling: bytes, size: int) -> None:
    stream = FrameStream()
    raw = (FALSE_START + filling * 600)[:1200]
    for at in range(0, len(raw), size):
        stream.receive(raw[at : at + size])
        assert len(stream.pending) <= MAX_PENDING
    stream.flush()
    assert seen(stream.receive(QUESTION.encode())) == [QUESTION]


def test_a_bad_checksum_is_told_at_once_and_the_next_frame_is_read() -> None:
    stream = FrameStream()
    rejected, good = stream.receive(damaged(ANSWER) + QUESTION.encode())
    assert isinstance(rejected, FrameRejected)
    assert isinstance(rejected.error, BadChecksum)
    assert rejected.raw == damaged(ANSWER)
    assert good == FrameSeen(QUESTION, QUESTION.encode(preamble=0))
    assert stream.waits_for is None


def test_a_wrong_end_byte_is_told_too() -> None:
    (rejected,) = all_events(ANSWER.encode(preamble=0)[:-1] + b"\x00")
    assert isinstance(rejected, FrameRejected)
    assert isinstance(rejected.error, BadEnd)


def test_one_damaged_frame_is_told_once_whatever_false_starts_it_holds() -> None:
    starts = Frame("686868686868", 0x91, bytes((0x35,)) * 30)
    (rejected,) = all_events(damaged(starts))
    assert isinstance(rejected, FrameRejected)
    assert rejected.raw == damaged(starts)


def test_a_frame_inside_a_damaged_one_is_found() -> None:
    """The scan goes on one byte after a false start, so a length byte that lies loses nothing behind it."""
    lying = bytes.fromhex("68 00 00 00 00 00 01 68 91") + bytes((len(QUESTION.encode()),))
    assert seen(all_events(lying + QUESTION.encode() + b"\x00\x00")) == [QUESTION]


def test_a_frame_that_never_ends_is_given_up_when_the_link_falls_silent() -> None:
    stream = FrameStream()
    assert stream.receive(ANSWER.encode()[:-3]) == []
    assert stream.waits_for == "frame"
    (rejected,) = stream.flush()
    assert isinstance(rejected, FrameRejected)
    assert isinstance(rejected.error, Truncated)
    assert stream.waits_for is None


def test_a_cut_frame_does_not_swallow_the_next_one() -> None:
    assert seen(all_events(ANSWER.encode()[:-3], QUESTION.encode())) == [QUESTION]


def test_preambles_of_any_length_and_fillers_after_the_end_are_not_worth_a_word() -> None:
    raw = b"\xfe" * 40 + QUESTION.encode(0) + b"\xff\xff" + ANSWER.encode(9) + b"\xff"
    assert all_events(raw) == [
        FrameSeen(QUESTION, QUESTION.encode(0)),
        FrameSeen(ANSWER, ANSWER.encode(0)),
    ]


def test_noise_is_told_as_it_came() -> None:
    assert all_events(b"\x00\x16\x05" + QUESTION.encode(0))[0] == BytesSkipped(b"\x00\x16\x05")


def test_start_and_end_bytes_inside_the_data_cut_nothing() -> None:
    tricky = Frame("686868161616", 0x91, bytes(range(0x20, 0x40)) + bytes((0x35, 0xE3, 0x35, 0xE3)))
    assert b"\x68" in tricky.encode(0)[10:-2]
    assert b"\x16" in tricky.encode(0)[10:-2]
    assert seen(all_events(tricky.encode())) == [tricky]


class TestRegistrationTexts:
    def test_a_text_with_a_line_end_is_told_at_once(self) -> None:
        text = registration_text("860000000000001")
        assert FrameStream().receive(text) == [OpeningSeen(Opening.TEXT, "860000000000001", text)]

    def test_a_text_without_line_end_is_told_when_the_link_falls_silent(self) -> None:
        stream = FrameStream()
        assert stream.receive(b"86000000") + stream.receive(b"0000001") == []
        assert stream.waits_for == "text"
        assert stream.flush() == [OpeningSeen(Opening.TEXT, "860000000000001", b"860000000000001")]

    @pytest.mark.parametrize("preamble", [0, 4])
    @pytest.mark.parametrize("size", [1, 3, 100])
    def test_a_text_glued_to_a_frame_is_told_before_it(self, preamble: int, size: int) -> None:
        raw = b"860000000000001" + ANSWER.encode(preamble)
        opening, answer = all_events(*(raw[at : at + size] for at in range(0, len(raw), size)))
        assert opening == OpeningSeen(Opening.TEXT, "860000000000001", b"860000000000001")
        assert seen([answer]) == [ANSWER]

    def test_a_text_may_begin_with_the_letter_that_starts_frames(self) -> None:
        assert all_events(b"hall-meter-7\r\n") == [
            OpeningSeen(Opening.TEXT, "hall-meter-7", b"hall-meter-7\r\n")
        ]

    def test_zeros_of_a_damaged_frame_are_not_taken_for_a_text(self) -> None:
        """A zero byte of data travels as 33H, which is the letter 3."""
        zeros = Frame(METER, 0x91, bytes(16))
        assert not [e for e in all_events(damaged(zeros), damaged(zeros)) if isinstance(e, OpeningSeen)]

    @pytest.mark.parametrize("raw", [b"short", b"x" * 33, b"GET / HTTP/1.1\r\n", b"12345678\x00"])
    def test_other_texts_are_noise(self, raw: bytes) -> None:
        assert [type(event) for event in all_events(raw)] == [BytesSkipped]

    def test_a_text_after_the_first_frame_is_noise(self) -> None:
        assert all_events(QUESTION.encode(), b"860000000000001\r\n")[1:] == [
            BytesSkipped(b"860000000000001\r\n")
        ]

    def test_a_keep_alive_word_is_told_between_frames(self) -> None:
        events = all_events(QUESTION.encode(), b"ping", ANSWER.encode())
        assert events[1] == OpeningSeen(Opening.KEEPALIVE, "", b"ping")
        assert seen(events) == [QUESTION, ANSWER]


CONCENTRATOR_LOGIN = bytes.fromhex("683200320068C900023412000271000001008516")
OBJECT_METER_LOGIN = bytes.fromhex("681E008105111111111111009E7601000000B407E9040A040F280F00006D5916")


class TestOtherProtocols:
    @pytest.mark.parametrize(
        ("raw", "shape", "serial"),
        [
            (CONCENTRATOR_LOGIN, Opening.Q_GDW_376_1, "02001234"),
            (OBJECT_METER_LOGIN, Opening.DLT_698_45, "111111111111"),
        ],
    )
    @pytest.mark.parametrize("size", [1, 100])
    def test_a_login_of_another_protocol_is_named(
        self, raw: bytes, shape: Opening, serial: str, size: int
    ) -> None:
        portions = [raw[at : at + size] for at in range(0, len(raw), size)]
        assert all_events(*portions) == [OpeningSeen(shape, serial, raw)]
        assert shape.is_foreign

    @pytest.mark.parametrize("raw", [CONCENTRATOR_LOGIN, OBJECT_METER_LOGIN])
    def test_a_damaged_login_of_another_protocol_is_noise(self, raw: bytes) -> None:
        broken = raw[:12] + bytes((raw[12] ^ 1,)) + raw[13:]
        assert not [event for event in all_events(broken) if isinstance(event, OpeningSeen)]

    @pytest.mark.parametrize("raw", [CONCENTRATOR_LOGIN, OBJECT_METER_LOGIN])
    def test_a_login_of_another_protocol_after_the_first_frame_is_noise(self, raw: bytes) -> None:
        assert all_events(QUESTION.encode(), raw)[1:] == [BytesSkipped(raw)]


class TestTheLastWordOfALink:
    """What a flush makes of bytes that were still waiting."""

    @pytest.mark.parametrize("size", range(10, 16))
    def test_a_foreign_login_that_breaks_off_is_noise(self, size: int) -> None:
        assert all_events(CONCENTRATOR_LOGIN[:size]) == [BytesSkipped(CONCENTRATOR_LOGIN[:size])]

    @pytest.mark.parametrize("login", [CONCENTRATOR_LOGIN, OBJECT_METER_LOGIN])
    def test_a_foreign_login_with_another_end_is_noise(self, login: bytes) -> None:
        assert all_events(login[:-1] + b"\x00") == [BytesSkipped(login[:-1] + b"\x00")]

    def test_a_foreign_length_that_cannot_be_is_noise(self) -> None:
        short = bytes.fromhex("68 06 00 06 00 68 00 16")
        assert b"".join(event.raw for event in all_events(short)) == short
        assert not any(isinstance(event, OpeningSeen | FrameSeen) for event in all_events(short))

    @pytest.mark.parametrize("size", [8, 9, 10, 15])
    def test_a_frame_that_breaks_off_after_its_head_is_told(self, size: int) -> None:
        (event,) = all_events(ANSWER.encode(preamble=0)[:size])
        assert isinstance(event, FrameRejected)
        assert isinstance(event.error, Truncated)

    def test_a_text_waits_for_the_whole_end_of_its_line(self) -> None:
        stream = FrameStream()
        assert stream.receive(b"860000000000001\r") == []
        assert stream.receive(b"\n") == [OpeningSeen(Opening.TEXT, "860000000000001", b"860000000000001\r\n")]

    def test_a_text_that_ends_like_a_head_waits_for_the_frame(self) -> None:
        stream = FrameStream()
        raw = QUESTION.encode(preamble=0)
        assert stream.receive(b"860000000000001" + raw[:4]) == []
        text, frame = stream.receive(raw[4:])
        assert isinstance(text, OpeningSeen)
        assert frame == FrameSeen(QUESTION, raw)

    @quick
    @given(st.lists(frames, max_size=3), noise)
    def test_one_byte_at_a_time_ends_in_the_same_frames(self, sent: list[Frame], between: bytes) -> None:
        raw = between.join(frame.encode() for frame in sent) + between
        assert seen(all_events(*(raw[at : at + 1] for at in range(len(raw))))) == seen(all_events(raw))

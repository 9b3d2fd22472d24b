"""Flaws of the ear and the mouth: portions of bytes, addresses, and what registers tell."""

from __future__ import annotations

from collections.abc import Callable

from meter_gateway.protocol.answers import refuse
from meter_gateway.protocol.frames import (
    ANY_ADDRESS,
    BROADCAST_ADDRESS,
    START,
    Frame,
    FrameError,
    Function,
    checksum,
)
from meter_gateway.protocol.relay import StatusWord3
from meter_gateway.simulator.flaw import Answered, Asked, Moment


def deaf_after_long_preamble(data: bytes) -> bytes:
    return b"" if data.startswith(b"\xfe" * 5) else data


def deaf_to_parts(data: bytes) -> bytes:
    body = data.lstrip(b"\xfe")
    return data if len(body) >= 12 or len(body) == 0 else b""


def first_frame_only(data: bytes) -> bytes:
    body = data.lstrip(b"\xfe")
    first = body[: 12 + body[9]] if len(body) >= 12 else body
    return data[: len(data) - len(body) + len(first)] if first[-1:] == b"\x16" else data


def deaf_after_noise(data: bytes) -> bytes:
    return b"" if data[:2] == bytes((0x00, START)) else data


def deaf_after_damage(data: bytes) -> bytes:
    """Gives up on everything that came with a frame whose end is missing."""
    if data[:1] == bytes((START,)) and len(data) > 12 and len(data) > 12 + data[9]:
        return b""
    return data


def any_checksum(data: bytes) -> bytes:
    return data[:-2] + bytes((checksum(data[:-2]), data[-1])) if _is_whole(data) else data


def any_end(data: bytes) -> bytes:
    return data[:-1] + b"\x16" if _is_whole(data) else data


def _is_whole(data: bytes) -> bool:
    return data[:1] == bytes((START,)) and len(data) >= 12 and len(data) == 12 + data[9]


def answers_answers(data: bytes) -> bytes:
    try:
        frame = Frame.decode(data)
    except FrameError:
        return data
    if frame.control != 0x91:
        return data
    return Frame(frame.address, Function.READ, frame.data).encode()


def another_serial(raw: bytes) -> bytes:
    try:
        frame = Frame.decode(raw)
    except FrameError:
        return b"?" * len(raw)
    return Frame(frame.address[::-1], frame.control, frame.data).encode()


def answers_to_strangers(question: Frame, moment: Moment) -> Frame:
    serial = moment.meter.state.serial
    known = (serial, BROADCAST_ADDRESS)
    return question if "A" in question.address or question.address in known else _to(question, serial)


def answers_broadcasts(question: Frame, moment: Moment) -> Frame:
    is_read = question.function == Function.READ and question.address == BROADCAST_ADDRESS
    return _to(question, moment.meter.state.serial) if is_read else question


def deaf_to_short_addresses(question: Frame, moment: Moment) -> Frame | None:
    return None if "A" in question.address and question.address != ANY_ADDRESS else question


def answers_as_anybody(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and question.function == Function.READ and question.address == ANY_ADDRESS:
        return _to(answer, ANY_ADDRESS)
    return answer


def obeys_anybody(*functions: Function) -> Asked:
    def asked(question: Frame, moment: Moment) -> Frame:
        is_for_all = question.address == ANY_ADDRESS and question.function in functions
        return _to(question, moment.meter.state.serial) if is_for_all else question

    return asked


def _to(frame: Frame, address: str) -> Frame:
    return Frame(address, frame.control, frame.data)


def register(di: str, change: Callable[[bytes], bytes]) -> Answered:
    """Another content in the register ``di``."""

    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        if answer is None or question.di != di or answer.is_error or question.function != Function.READ:
            return answer
        return Frame(answer.address, answer.control, answer.data[:4] + change(answer.data[4:]))

    return answered


def denied(di: str) -> Answered:
    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        return refuse(question, "no_such_data") if answer and question.di == di else answer

    return answered


def wrong_address_told(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer is None or question.function != Function.READ_ADDRESS:
        return answer
    return Frame(answer.address[::-1], answer.control, answer.data[::-1])


def other_error_word(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and answer.is_error and question.function == Function.READ:
        return refuse(question, "other")
    return answer


def wrong_sequence(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    is_part = question.function == Function.READ_MORE and question.di == "0001FF00"
    if answer and not answer.is_error and is_part:
        return Frame(answer.address, answer.control, answer.data[:-1] + bytes((answer.data[-1] ^ 0x55,)))
    return answer


def follows_up_nothing(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
    if answer and answer.is_error and question.function == Function.READ_MORE:
        return question.answered_with(question.data)
    return answer


def status(change: Callable[[StatusWord3, Moment], int]) -> Answered:
    """Another status word 3."""

    def answered(question: Frame, answer: Frame | None, moment: Moment) -> Frame | None:
        if answer is None or answer.is_error or question.di != moment.profile.status_di:
            return answer
        word = StatusWord3.decode(answer.data[4:6])
        return Frame(
            answer.address, answer.control, answer.data[:4] + StatusWord3(change(word, moment)).encode()
        )

    return answered


def closed_at_zero(word: StatusWord3, moment: Moment) -> int:
    on_its_own = moment.meter.empty and not moment.meter.state.forced_off
    return word.raw & ~(1 << moment.profile.relay_bit | 1 << 4) if on_its_own else word.raw

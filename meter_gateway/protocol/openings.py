"""How a meter announces itself when its link comes up, and what it sends to keep the link alive.

An opening is a claim, never a proof: the gateway asks for the address (13H) or reads a register of the
claimed meter before it believes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from meter_gateway.protocol.frames import OFFSET, Frame, Function, decode_di, encode_di

REGISTRATION_DI = "80808080"
TEXT_MIN, TEXT_MAX = 8, 32
TEXT_BYTES = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:_-")
KEEPALIVES = frozenset((b"ping", b"PING"))

_REGISTRATION_CONTROL = 0x91
_HEARTBEAT_ANSWER_CONTROL = 0x80
_HEARTBEAT_MARK = 0x01


class Opening(Enum):
    """The shapes of section 4 of the wire notes, and what is recognised only to be refused."""

    REGISTRATION = "A"
    """A 91H frame with DI 80808080, repeated as keep-alive; never answered."""
    HEARTBEAT = "B"
    """A C=00H frame, with or without signal quality; answered with 80H."""
    TEXT = "C"
    """A printable number (serial, IMEI or ICCID), once, then plain 645."""
    KEEPALIVE = "ping"
    """A link module's own keep-alive text. Says nothing about the meter."""
    Q_GDW_376_1 = "376.1"
    """Link frame of a data concentrator. Recognised so that it can be refused by name."""
    DLT_698_45 = "698.45"
    """Link frame of the newer protocol. Recognised so that it can be refused by name."""

    @property
    def is_foreign(self) -> bool:
        """Whether another protocol is spoken on this link, which is to be closed."""
        return self in (Opening.Q_GDW_376_1, Opening.DLT_698_45)


@dataclass(frozen=True, slots=True)
class OpeningSeen:
    """A meter said who it is, or that it is still there.

    ``serial`` is the claimed address for shapes A and B, the text itself for C, the peer's own address for
    foreign protocols, and empty for keep-alive texts. ``signal_quality`` is the modem's 0-31 where sent.
    ``raw`` are the bytes as received.
    """

    shape: Opening
    serial: str
    raw: bytes = b""
    signal_quality: int | None = None

    @property
    def answer(self) -> Frame | None:
        """What the platform sends back, or None where the device expects nothing."""
        return heartbeat_answer(self.serial) if self.shape is Opening.HEARTBEAT else None


def registration_frame(address: str) -> Frame:
    """Shape A::

        68 | address | 68 | 91 | 04 | B3 B3 B3 B3 | CS | 16       (DI 80808080, each byte +33H)

    Source: captured from real 4G meters (issasohail/tms raw_frames.log, 159 frames).
    """
    return Frame(address, _REGISTRATION_CONTROL, encode_di(REGISTRATION_DI))


def heartbeat_frame(address: str, signal_quality: int | None = None) -> Frame:
    """Shape B::

        68 | address | 68 | 00 | 00 | CS | 16
        68 | address | 68 | 00 | 02 | 01 csq | CS | 16            (these two bytes are NOT +33H)

    Source: vector C=00H of lambda-cloud T645BodyDecoderTest.
    """
    data = b"" if signal_quality is None else bytes((_HEARTBEAT_MARK, signal_quality))
    return Frame(address, Function.HEARTBEAT, _plain_on_the_wire(data))


def heartbeat_answer(address: str) -> Frame:
    """The platform's answer to shape B; D7 is set although it travels towards the meter::

        68 | address | 68 | 80 | 00 | CS | 16

    Source: vector C=80H of lambda-cloud T645BodyDecoderTest.
    """
    return Frame(address, _HEARTBEAT_ANSWER_CONTROL)


def registration_text(serial: str) -> bytes:
    """Shape C: the printable number and CR LF, sent once before any frame.

    Source: manuals of transparent link modules (8 to 32 characters of 0-9 A-Z a-z : _ -).
    :raises ValueError: other characters or another length.
    """
    if not re.fullmatch(rf"[0-9A-Za-z:_-]{{{TEXT_MIN},{TEXT_MAX}}}", serial):
        raise ValueError(f"{serial!r} is not a registration text")
    return serial.encode("ascii") + b"\r\n"


def opening_of(frame: Frame, raw: bytes = b"") -> OpeningSeen | None:
    """The opening this frame is (shape A or B), or None for every other frame.

    C=00H with other data than nothing or ``01 csq`` is a vendor's own request, not a heartbeat.
    """
    if frame.control == _REGISTRATION_CONTROL:
        if len(frame.data) == 4 and decode_di(frame.data) == REGISTRATION_DI:
            return OpeningSeen(Opening.REGISTRATION, frame.address, raw)
    elif frame.control == Function.HEARTBEAT:
        plain = bytes((byte + OFFSET) & 0xFF for byte in frame.data)
        if not plain:
            return OpeningSeen(Opening.HEARTBEAT, frame.address, raw)
        if len(plain) == 2 and plain[0] == _HEARTBEAT_MARK:
            return OpeningSeen(Opening.HEARTBEAT, frame.address, raw, signal_quality=plain[1])
    return None


def is_heartbeat_answer(frame: Frame) -> bool:
    """Whether this is the platform's answer to a heartbeat."""
    return frame.control == _HEARTBEAT_ANSWER_CONTROL and not frame.data


def _plain_on_the_wire(data: bytes) -> bytes:
    return bytes((byte - OFFSET) & 0xFF for byte in data)

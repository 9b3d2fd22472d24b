"""Questions that change nothing: reading a register, its follow-up, and the address.

The shapes with which a meter opens its link live in :mod:`meter_gateway.protocol.openings` and are offered
here too, since they carry an address and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from meter_gateway.protocol.frames import ANY_ADDRESS, Frame, FrameError, Function, decode_di, encode_di
from meter_gateway.protocol.openings import (
    Opening,
    OpeningSeen,
    heartbeat_answer,
    heartbeat_frame,
    is_heartbeat_answer,
    opening_of,
    registration_frame,
    registration_text,
)

__all__ = [
    "ReadAddressRequest",
    "ReadRequest",
    "parse_read_address_request",
    "parse_read_request",
    "read_address_request",
    "read_more_request",
    "read_request",
    "Opening",
    "OpeningSeen",
    "heartbeat_answer",
    "heartbeat_frame",
    "is_heartbeat_answer",
    "opening_of",
    "registration_frame",
    "registration_text",
]


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A read as the meter sees it. ``sequence`` is 0 for a first read, 1.. for a follow-up (12H).

    ``extra`` are the bytes after the DI of a first read (block count and time of load records).
    """

    address: str
    di: str
    sequence: int = 0
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class ReadAddressRequest:
    """Whoever hears this tells its address."""

    address: str


def read_request(address: str, di: str) -> Frame:
    """Ask for one register::

        68 | address | 68 | 11 | 04 | DI0 DI1 DI2 DI3 | CS | 16      DI low byte first

    Source: DL/T 645-2007 function 11H; 28 vectors.
    """
    return Frame(address, Function.READ, encode_di(di))


def read_more_request(address: str, di: str, sequence: int) -> Frame:
    """Fetch the follow-up frame number ``sequence`` (1-255) of an answer that said there is more::

        68 | address | 68 | 12 | 05 | DI0 DI1 DI2 DI3 SEQ | CS | 16

    Source: DL/T 645-2007 function 12H; two vectors.
    :raises FrameError: the number is not 1-255.
    """
    if not 1 <= sequence <= 0xFF:
        raise FrameError(f"follow-up {sequence} is not 1-255")
    return Frame(address, Function.READ_MORE, encode_di(di) + bytes((sequence,)))


def read_address_request() -> Frame:
    """Ask the only meter on this link for its address::

        68 | AA AA AA AA AA AA | 68 | 13 | 00 | DF | 16

    Source: DL/T 645-2007 function 13H; two vectors.
    """
    return Frame(ANY_ADDRESS, Function.READ_ADDRESS)


def parse_read_request(frame: Frame) -> ReadRequest:
    """What a read or follow-up read asks; for the METER role.

    :raises FrameError: not such a question, or too few bytes.
    """
    if not frame.is_from_meter and len(frame.data) >= 4:
        di, rest = decode_di(frame.data), frame.data[4:]
        if frame.function == Function.READ:
            return ReadRequest(frame.address, di, extra=rest)
        if frame.function == Function.READ_MORE and len(rest) == 1:
            return ReadRequest(frame.address, di, sequence=rest[0])
    raise FrameError("not a read request")


def parse_read_address_request(frame: Frame) -> ReadAddressRequest:
    """The read-address question; for the METER role.

    :raises FrameError: it is something else.
    """
    if frame.control == Function.READ_ADDRESS and not frame.data:
        return ReadAddressRequest(frame.address)
    raise FrameError("not a read-address request")

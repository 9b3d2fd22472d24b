"""Changing what a meter is set to: parameters (14H), address (15H), speed (17H), passwords (18H)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meter_gateway.protocol import bcd
from meter_gateway.protocol.codecs import Value
from meter_gateway.protocol.frames import ANY_ADDRESS, Frame, FrameError, Function, decode_di, encode_di
from meter_gateway.protocol.registers import encode_value
from meter_gateway.protocol.relay import Auth

CIPHERED_LEVEL = 0x98
"""PA of a write whose data is ciphertext and MAC of a security module."""
SIGNED_LEVEL = 0x99
"""PA of a write in plain text with a MAC of a security module."""

SPEEDS_BAUD: Mapping[int, int] = {0x02: 600, 0x04: 1200, 0x08: 2400, 0x10: 4800, 0x20: 9600, 0x40: 19200}
"""The byte Z of function 17H: one bit for each speed."""

_AUTH_LENGTH = 8


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A write as the meter reads it; ``data`` as on the wire, low byte first."""

    address: str
    di: str
    auth: Auth
    data: bytes

    @property
    def needs_security_module(self) -> bool:
        """Whether only a meter with a security module can check this (levels 98H and 99H)."""
        return self.auth.level in (CIPHERED_LEVEL, SIGNED_LEVEL)


def write_request(address: str, di: str, auth: Auth, value: Value) -> Frame:
    """Set a register to a value; see :func:`write_raw_request`.

    :raises UnknownRegister, ValueDoesNotFit: as :func:`~meter_gateway.protocol.registers.encode_value`.
    """
    return write_raw_request(address, di, auth, encode_value(di, value))


def write_raw_request(address: str, di: str, auth: Auth, data: bytes) -> Frame:
    """Set a register to these bytes::

        68 | address | 68 | 14 | L | DI0..DI3 | PA P0 P1 P2 | C0 C1 C2 C3 | data | CS | 16
                                               level password  operator

    Source: DL/T 645-2007 function 14H; two vectors.
    """
    return Frame(address, Function.WRITE, encode_di(di) + auth.encode() + data)


def parse_write_request(frame: Frame) -> WriteRequest:
    """What a write asks; for the METER role.

    :raises FrameError: another frame, or too short.
    :raises InvalidBcd: the password is not packed decimal.
    """
    if frame.control != Function.WRITE or len(frame.data) < 4 + _AUTH_LENGTH:
        raise FrameError("not a write request")
    auth = Auth.decode(frame.data[4 : 4 + _AUTH_LENGTH])
    return WriteRequest(frame.address, decode_di(frame.data), auth, frame.data[4 + _AUTH_LENGTH :])


@dataclass(frozen=True, slots=True)
class WriteAddressRequest:
    """A new address for whoever hears it while its programming key is pressed."""

    address: str
    new_address: str


def write_address_request(new_address: str) -> Frame:
    """Give the only meter on this link a new address; needs its programming key::

        68 | AA AA AA AA AA AA | 68 | 15 | 06 | A0..A5 | CS | 16

    Source: DL/T 645-2007 function 15H; the answer (95H, new address) is a vector.
    :raises ValueDoesNotFit: not twelve digits.
    """
    return Frame(ANY_ADDRESS, Function.WRITE_ADDRESS, bcd.encode_digits(new_address, 6))


def parse_write_address_request(frame: Frame) -> WriteAddressRequest:
    """The address to take; for the METER role.

    :raises FrameError: another frame.
    :raises InvalidBcd: the address is not packed decimal.
    """
    if frame.control != Function.WRITE_ADDRESS or len(frame.data) != 6:
        raise FrameError("not a write-address request")
    return WriteAddressRequest(frame.address, bcd.decode_digits(frame.data))


@dataclass(frozen=True, slots=True)
class ChangeBaudRequest:
    """Another speed of the serial line."""

    address: str
    baud: int


def change_baud_request(address: str, baud: int) -> Frame:
    """Ask for another speed of the serial line; means nothing on a socket::

        68 | address | 68 | 17 | 01 | Z | CS | 16        Z: 02 600  04 1200  08 2400  10 4800  20 9600  40 19200

    Source: DL/T 645-2007 function 17H; vector "change baud request Z=08H".
    :raises ValueDoesNotFit: not one of these speeds.
    """
    for z, speed in SPEEDS_BAUD.items():
        if speed == baud:
            return Frame(address, Function.CHANGE_BAUD, bytes((z,)))
    raise bcd.ValueDoesNotFit(f"{baud} is no speed of this protocol")


def parse_change_baud_request(frame: Frame) -> ChangeBaudRequest:
    """The speed asked for; for the METER role.

    :raises FrameError: another frame, or a Z with no or several bits.
    """
    if frame.control != Function.CHANGE_BAUD or len(frame.data) != 1 or frame.data[0] not in SPEEDS_BAUD:
        raise FrameError("not a change of speed")
    return ChangeBaudRequest(frame.address, SPEEDS_BAUD[frame.data[0]])


@dataclass(frozen=True, slots=True)
class Password:
    """One level and its password of six digits, as printed."""

    level: int
    digits: str

    def encode(self) -> bytes:
        """``PA | P0 P1 P2``: level 4, "123456" is ``04 56 34 12``.

        :raises ValueDoesNotFit: no byte, or other than at most six digits.
        """
        return bcd.encode_binary(self.level, 1) + bcd.encode_digits(self.digits, 3)

    @classmethod
    def decode(cls, data: bytes) -> Password:
        """The inverse of :meth:`encode`, from four bytes.

        :raises InvalidBcd: the password is not packed decimal, or there are not four bytes.
        """
        if len(data) != 4:
            raise bcd.InvalidBcd(f"{len(data)} bytes are no level and password")
        return cls(data[0], bcd.decode_digits(data[1:]))


@dataclass(frozen=True, slots=True)
class ChangePasswordRequest:
    """Another password: ``old`` proves the right to it, ``new`` is to hold from now on."""

    address: str
    di: str
    old: Password
    new: Password


def change_password_request(address: str, old: Password, new: Password) -> Frame:
    """Ask for another password; ``old`` may be of a higher level than ``new``::

        68 | address | 68 | 18 | 0C | 01..0A 0C 00 04 | PA P0 P1 P2 | PA P0 P1 P2 | CS | 16
                                      DI 04000Cnn       old           new          nn = new level + 1

    The meter answers with PA and the new password.

    Source: DL/T 645-2007 function 18H; the answer is a vector.
    :raises ValueDoesNotFit: a level above 9, or a password that is not six digits.
    """
    if not 0 <= new.level <= 9:
        raise bcd.ValueDoesNotFit(f"level {new.level} has no password")
    di = encode_di(f"04000C{new.level + 1:02X}")
    return Frame(address, Function.CHANGE_PASSWORD, di + old.encode() + new.encode())


def parse_change_password_request(frame: Frame) -> ChangePasswordRequest:
    """The passwords of a change; for the METER role.

    :raises FrameError: another frame, or not a password's identifier.
    :raises InvalidBcd: a password is not packed decimal.
    """
    data = frame.data
    if frame.control != Function.CHANGE_PASSWORD or len(data) != 12:
        raise FrameError("not a change of password")
    di = decode_di(data)
    if not di.startswith("04000C") or not 1 <= data[0] <= 0x0A:
        raise FrameError(f"{di} is no password")
    return ChangePasswordRequest(frame.address, di, Password.decode(data[4:8]), Password.decode(data[8:12]))

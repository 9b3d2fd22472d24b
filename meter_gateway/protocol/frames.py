"""One DL/T 645-2007 frame: the envelope of every question and answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from meter_gateway.protocol.bcd import InvalidBcd, ValueDoesNotFit, decode_address, encode_address

START = 0x68
END = 0x16
PREAMBLE = 0xFE
FILLER = 0xFF
OFFSET = 0x33

HEADER_LENGTH = 10
OVERHEAD = 12
MAX_DATA = 255

BROADCAST_ADDRESS = "999999999999"
ANY_ADDRESS = "AAAAAAAAAAAA"

_FROM_METER = 0x80
_ERROR = 0x40
_MORE = 0x20
_FUNCTION = 0x1F

_TO_WIRE = bytes((byte + OFFSET) & 0xFF for byte in range(256))
_FROM_WIRE = bytes((byte - OFFSET) & 0xFF for byte in range(256))


class Function(IntEnum):
    """The low five bits of the control byte: what is asked (DL/T 645-2007, section 7)."""

    HEARTBEAT = 0x00
    SECURITY = 0x03
    BROADCAST_TIME = 0x08
    READ = 0x11
    READ_MORE = 0x12
    READ_ADDRESS = 0x13
    WRITE = 0x14
    WRITE_ADDRESS = 0x15
    FREEZE = 0x16
    CHANGE_BAUD = 0x17
    CHANGE_PASSWORD = 0x18
    CLEAR_DEMAND = 0x19
    CLEAR_METER = 0x1A
    CLEAR_EVENTS = 0x1B
    RELAY = 0x1C


_FUNCTIONS_WITH_DI = frozenset((Function.SECURITY, Function.READ, Function.READ_MORE, Function.WRITE))


class FrameError(ValueError):
    """These bytes are not a DL/T 645 frame, or this frame cannot be written."""


class NotAFrame(FrameError):
    """No 68H .. 68H head with an address between, or the length does not match the bytes."""


class BadEnd(FrameError):
    """The byte after the checksum is not 16H."""


class BadChecksum(FrameError):
    """The sum of the bytes does not match the checksum."""


class Truncated(FrameError):
    """The link fell silent before the frame was complete."""


class FrameTooLong(FrameError):
    """The data does not fit in one frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One question or answer, without preamble, checksum and the 33H offset.

    ``address`` is as printed (twelve digits, or AA for wildcard pairs), ``control`` the raw control byte and
    ``data`` the data field already minus 33H, still in wire order (low byte first).

    ::

        FE FE FE FE | 68 | A0 A1 A2 A3 A4 A5 | 68 | C | L | DATA ... | CS | 16
        preamble      start   address, low      start       each +33H  sum  end
        (any number)          byte first                               from the first 68H to DATA's end

        C:  D7 1 = from the meter   D6 1 = error   D5 1 = more follows   D4-D0 function

    Source: DL/T 645-2007 section 5; proved by every entry of the vectors file.
    """

    address: str
    control: int
    data: bytes = b""

    def __post_init__(self) -> None:
        if len(self.data) > MAX_DATA:
            raise FrameTooLong(f"{len(self.data)} data bytes; a frame carries at most {MAX_DATA}")
        if not 0 <= self.control <= 0xFF:
            raise FrameError(f"control {self.control} is not a byte")
        try:
            encode_address(self.address)
        except ValueDoesNotFit as error:
            raise FrameError(str(error)) from error

    @classmethod
    def decode(cls, raw: bytes) -> Frame:
        """The frame in ``raw``, which holds exactly one frame, with or without preamble.

        For bytes as they come from a link use :class:`~meter_gateway.protocol.stream.FrameStream`.

        :raises FrameError: a subclass says what is wrong.
        """
        raw = raw.lstrip(bytes((PREAMBLE,)))
        if len(raw) < OVERHEAD or raw[0] != START or raw[7] != START:
            raise NotAFrame("no frame head")
        if len(raw) != OVERHEAD + raw[9]:
            raise NotAFrame(f"{len(raw)} bytes where the length byte promises {OVERHEAD + raw[9]}")
        if raw[-1] != END:
            raise BadEnd(f"ends with {raw[-1]:02X}H, not 16H")
        if checksum(raw[:-2]) != raw[-2]:
            raise BadChecksum(f"checksum {raw[-2]:02X}H, the bytes add up to {checksum(raw[:-2]):02X}H")
        try:
            address = decode_address(raw[1:7])
        except InvalidBcd as error:
            raise NotAFrame(str(error)) from error
        return cls(address, raw[8], raw[HEADER_LENGTH:-2].translate(_FROM_WIRE))

    def encode(self, preamble: int = 4) -> bytes:
        """The bytes for the wire, after ``preamble`` bytes FEH."""
        body = bytes((START, *encode_address(self.address), START, self.control, len(self.data)))
        body += self.data.translate(_TO_WIRE)
        return bytes((PREAMBLE,)) * preamble + body + bytes((checksum(body), END))

    @property
    def function(self) -> int:
        """What is asked or answered, see :class:`Function`; a plain number, as vendors invent their own."""
        return self.control & _FUNCTION

    @property
    def is_from_meter(self) -> bool:
        """Whether D7 says so. The platform's answer to a heartbeat (80H) also sets it."""
        return bool(self.control & _FROM_METER)

    @property
    def is_error(self) -> bool:
        return bool(self.control & _ERROR)

    @property
    def has_more(self) -> bool:
        """Whether the meter keeps a follow-up frame ready, to be fetched with function 12H."""
        return bool(self.control & _MORE)

    @property
    def di(self) -> str | None:
        """The data identifier at the head of the data, or None where this kind of frame carries none."""
        if self.function in _FUNCTIONS_WITH_DI and not self.is_error and len(self.data) >= 4:
            return decode_di(self.data)
        return None

    def answered_with(
        self, data: bytes = b"", *, error: bool = False, more: bool = False, address: str | None = None
    ) -> Frame:
        """The meter's answer to this question: same function, D7 set, and D6 or D5 where told.

        ``address`` is needed only where the question went to a wildcard.
        """
        control = self.function | _FROM_METER | (_ERROR if error else 0) | (_MORE if more else 0)
        return Frame(address or self.address, control, data)


def checksum(body: bytes | bytearray) -> int:
    """The sum of the bytes from the first 68H to the last data byte, modulo 256."""
    return sum(body) & 0xFF


def decode_di(data: bytes) -> str:
    """The identifier in the first four data bytes: ``00 01 90 00`` on the wire is "00900100"."""
    return data[3::-1].hex().upper()


def encode_di(di: str) -> bytes:
    """The four data bytes of an identifier, low byte first; upper or lower case alike.

    :raises FrameError: not eight hexadecimal digits.
    """
    try:
        data = bytes.fromhex(di)
    except ValueError as error:
        raise FrameError(f"{di!r} is not a data identifier") from error
    if len(data) != 4 or len(di) != 8:
        raise FrameError(f"{di!r} is not a data identifier")
    return data[::-1]


def addresses(pattern: str, address: str) -> bool:
    """Whether a frame sent to ``pattern`` is meant for the meter with ``address``.

    AA pairs match any two digits; the broadcast address matches everybody (and nobody answers it).
    """
    if pattern == BROADCAST_ADDRESS:
        return True
    pairs = zip(pattern[::2], pattern[1::2], address[::2], address[1::2], strict=True)
    return all((a, b) == ("A", "A") or (a, b) == (c, d) for a, b, c, d in pairs)

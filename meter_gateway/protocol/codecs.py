"""How the value of one register is written, each kind of value once.

Bytes are drawn in wire order, low byte first. Source of every layout: DL/T 645-2007 annex A.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Protocol

from meter_gateway.protocol import bcd
from meter_gateway.protocol.relay import StatusWord3, decode_moment, encode_moment
from meter_gateway.protocol.status_words import StatusWord
from meter_gateway.protocol.supply_report import SupplyReport


@dataclass(frozen=True, slots=True)
class MaxDemand:
    """The highest mean power of any interval since it was cleared, and the minute that interval ended.

    ``at`` is naive, the meter's own zone; None while there was no such interval.
    """

    power_kw: Decimal
    at: datetime | None


Value = (
    Decimal
    | int
    | str
    | datetime
    | date
    | time
    | StatusWord
    | StatusWord3
    | SupplyReport
    | MaxDemand
    | tuple[Decimal | None, ...]
    | tuple[MaxDemand, ...]
    | tuple[StatusWord | StatusWord3, ...]
    | None
)
"""What a register can hold. None: the meter has nothing to say there (an absent phase, an empty record)."""


class Codec(Protocol):
    """Turns the bytes of one register (without its DI) into a value and back.

    ``decode`` gets exactly the register's length and raises InvalidBcd; ``encode`` raises ValueDoesNotFit.
    ``picture`` is the format as the standard prints it, "XXXXXX.XX" or "YYMMDDhhmm", highest digit first.
    """

    def decode(self, data: bytes) -> Value: ...

    def encode(self, value: Any, length: int) -> bytes: ...

    def picture(self, length: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """A packed-decimal number with ``places`` digits after the point: ``56 34 12 00`` is 1234.56.

    All bytes FFH mean that there is no such phase (None), where ``absent`` allows it.
    Source: DL/T 645-2007 annex A, formats XXXXXX.XX, XXX.X, XXX.XXX, XX.XXXX, X.XXX.
    """

    places: int
    signed: bool = False
    absent: bool = False

    def decode(self, data: bytes) -> Decimal | None:
        if self.absent and data == b"\xff" * len(data):
            return None
        return bcd.decode_decimal(data, self.places, signed=self.signed)

    def encode(self, value: Decimal | None, length: int) -> bytes:
        if value is None:
            if self.absent:
                return b"\xff" * length
            raise bcd.ValueDoesNotFit("this register is never absent")
        return bcd.encode_decimal(value, length, self.places, signed=self.signed)

    def picture(self, length: int) -> str:
        return "X" * (2 * length - self.places) + "." + "X" * self.places


@dataclass(frozen=True, slots=True)
class Block:
    """Several numbers of ``width`` bytes one after another, as FF identifiers answer them.

    ``parts`` names them, in order::

        0201FF00     A A | B B | C C                              XXX.X each, low byte first
        0001FF00     total (4) | tariff 1 (4) | ... | tariff 4 (4)

    Source: DL/T 645-2007 annex A, block identifiers.
    """

    width: int
    item: Fixed
    parts: tuple[str, ...]

    def decode(self, data: bytes) -> tuple[Decimal | None, ...]:
        return tuple(self.item.decode(data[at : at + self.width]) for at in range(0, len(data), self.width))

    def encode(self, value: tuple[Decimal | None, ...], length: int) -> bytes:
        data = b"".join(self.item.encode(item, self.width) for item in value)
        if len(data) != length:
            raise bcd.ValueDoesNotFit(f"{len(value)} values do not make {length} bytes")
        return data

    def picture(self, length: int) -> str:
        return f"{len(self.parts)} x {self.item.picture(self.width)}"


@dataclass(frozen=True, slots=True)
class Count:
    """A packed-decimal whole number: ``07 00`` is 7."""

    def decode(self, data: bytes) -> int:
        return bcd.decode_bcd(data)

    def encode(self, value: int, length: int) -> bytes:
        return bcd.encode_bcd(value, length)

    def picture(self, length: int) -> str:
        return "N" * (2 * length)


@dataclass(frozen=True, slots=True)
class Digits:
    """A number that is a name (address, meter, customer), leading zeros kept: ``01 00 .. 00`` is "00..01"."""

    def decode(self, data: bytes) -> str:
        return bcd.decode_digits(data)

    def encode(self, value: str, length: int) -> bytes:
        return bcd.encode_digits(value, length)

    def picture(self, length: int) -> str:
        return "N" * (2 * length)


@dataclass(frozen=True, slots=True)
class Ascii:
    """Text, last letter first and padded with zero bytes: ``00 00 56 30 32 32`` is "220V"."""

    def decode(self, data: bytes) -> str:
        try:
            return data[::-1].rstrip(b"\x00").decode("ascii")
        except UnicodeDecodeError as error:
            raise bcd.InvalidBcd(f"{data.hex().upper()} is not text") from error

    def encode(self, value: str, length: int) -> bytes:
        if not value.isascii() or len(value) > length or "\x00" in value:
            raise bcd.ValueDoesNotFit(f"{value!r} is not {length} letters of ASCII")
        return value.encode("ascii").ljust(length, b"\x00")[::-1]

    def picture(self, length: int) -> str:
        return f"{length} letters"


@dataclass(frozen=True, slots=True)
class Day:
    """04000101: ``WW DD MM YY``, WW 00 on Sundays; the weekday is written but not believed.

    All zero, None: the clock was never set.
    """

    def decode(self, data: bytes) -> date | None:
        moment = decode_moment(b"\x00\x00\x00" + data[1:])
        return moment.date() if moment else None

    def encode(self, value: date | None, length: int) -> bytes:
        if value is None:
            return bytes(length)
        moment = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the meter's own zone
        return bytes((value.isoweekday() % 7,)) + encode_moment(moment)[3:]

    def picture(self, length: int) -> str:
        return "YYMMDDWW"


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """04000102: ``ss mm hh`` on the meter's clock: ``56 34 12`` is 12:34:56."""

    def decode(self, data: bytes) -> time:
        digits = bcd.decode_digits(data)
        try:
            return time(int(digits[0:2]), int(digits[2:4]), int(digits[4:6]))
        except ValueError as error:
            raise bcd.InvalidBcd(f"{digits} is no time of day") from error

    def encode(self, value: time, length: int) -> bytes:
        return bcd.encode_digits(value.strftime("%H%M%S"), 3)

    def picture(self, length: int) -> str:
        return "hhmmss"


@dataclass(frozen=True, slots=True)
class Clock:
    """0400010C: ``ss mm hh WW DD MM YY``, naive, the meter's own zone; None as for :class:`Day`."""

    def decode(self, data: bytes) -> datetime | None:
        return decode_moment(data[:3] + data[4:])

    def encode(self, value: datetime | None, length: int) -> bytes:
        if value is None:
            return bytes(length)
        moment = encode_moment(value)
        return moment[:3] + bytes((value.isoweekday() % 7,)) + moment[3:]

    def picture(self, length: int) -> str:
        return "YYMMDDWWhhmmss"


@dataclass(frozen=True, slots=True)
class Minute:
    """A record's time: ``mm hh DD MM YY``, naive, the meter's own zone; all zero where nothing was recorded.

    Seconds are cut off.
    """

    def decode(self, data: bytes) -> datetime | None:
        return decode_moment(b"\x00" + data)

    def encode(self, value: datetime | None, length: int) -> bytes:
        return encode_moment(value)[1:] if value else bytes(length)

    def picture(self, length: int) -> str:
        return "YYMMDDhhmm"


@dataclass(frozen=True, slots=True)
class Second:
    """An event's time: ``ss mm hh DD MM YY``, naive, the meter's own zone; all zero where nothing happened."""

    def decode(self, data: bytes) -> datetime | None:
        return decode_moment(data)

    def encode(self, value: datetime | None, length: int) -> bytes:
        return encode_moment(value) if value else bytes(length)

    def picture(self, length: int) -> str:
        return "YYMMDDhhmmss"


@dataclass(frozen=True, slots=True)
class Peak:
    """0101ttnn and 0102ttnn, a maximum demand: ``45 23 01 30 14 23 11 26`` is 1.2345 kW at 14:30.

    ::

        power (3)   XX.XXXX kW | mm hh DD MM YY (5)
    """

    def decode(self, data: bytes) -> MaxDemand:
        return MaxDemand(bcd.decode_decimal(data[:3], 4), decode_moment(b"\x00" + data[3:]))

    def encode(self, value: MaxDemand, length: int) -> bytes:
        at = encode_moment(value.at)[1:] if value.at else bytes(5)
        return bcd.encode_decimal(value.power_kw, 3, 4) + at

    def picture(self, length: int) -> str:
        return "XX.XXXX YYMMDDhhmm"


@dataclass(frozen=True, slots=True)
class Peaks:
    """0101FFnn and 0102FFnn: maximum demands one after another, named by ``parts``; 8 bytes each."""

    parts: tuple[str, ...]

    def decode(self, data: bytes) -> tuple[MaxDemand, ...]:
        return tuple(Peak().decode(data[at : at + 8]) for at in range(0, len(data), 8))

    def encode(self, value: tuple[MaxDemand, ...], length: int) -> bytes:
        data = b"".join(Peak().encode(item, 8) for item in value)
        if len(data) != length:
            raise bcd.ValueDoesNotFit(f"{len(value)} demands do not make {length} bytes")
        return data

    def picture(self, length: int) -> str:
        return f"{len(self.parts)} x {Peak().picture(8)}"


@dataclass(frozen=True, slots=True)
class Status3:
    """04000503, two bytes; the bits are drawn at :class:`~meter_gateway.protocol.relay.StatusWord3`."""

    def decode(self, data: bytes) -> StatusWord3:
        return StatusWord3.decode(data)

    def encode(self, value: StatusWord3, length: int) -> bytes:
        return value.encode()

    def picture(self, length: int) -> str:
        return "16 bits"


@dataclass(frozen=True, slots=True)
class Status:
    """04000501, 02, 04 to 07; see :class:`~meter_gateway.protocol.status_words.StatusWord`.

    A meter may also give the plain number.
    """

    number: int

    def decode(self, data: bytes) -> StatusWord:
        return StatusWord.decode(self.number, data)

    def encode(self, value: StatusWord | int, length: int) -> bytes:
        if isinstance(value, int):
            value = StatusWord(self.number, value)
        return value.encode()

    def picture(self, length: int) -> str:
        return "16 bits"


@dataclass(frozen=True, slots=True)
class Statuses:
    """040005FF: the seven status words one after another, word 1 first; 14 bytes."""

    def decode(self, data: bytes) -> tuple[StatusWord | StatusWord3, ...]:
        words = (data[at : at + 2] for at in range(0, len(data), 2))
        return tuple(
            StatusWord3.decode(word) if number == 3 else StatusWord.decode(number, word)
            for number, word in enumerate(words, start=1)
        )

    def encode(self, value: tuple[StatusWord | StatusWord3, ...], length: int) -> bytes:
        data = b"".join(word.encode() for word in value)
        if len(data) != length:
            raise bcd.ValueDoesNotFit(f"{len(value)} words are not seven")
        return data

    def picture(self, length: int) -> str:
        return "7 x 16 bits"


@dataclass(frozen=True, slots=True)
class Supply:
    """028011FF, 65 bytes, drawn at :class:`~meter_gateway.protocol.supply_report.SupplyReport`."""

    def decode(self, data: bytes) -> SupplyReport:
        return SupplyReport.decode(data)

    def encode(self, value: SupplyReport, length: int) -> bytes:
        return value.encode()

    def picture(self, length: int) -> str:
        return "block"

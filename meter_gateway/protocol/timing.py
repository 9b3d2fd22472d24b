"""What a meter is told about time: its clock (08H) and when to freeze its registers (16H)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from meter_gateway.protocol import bcd
from meter_gateway.protocol.frames import BROADCAST_ADDRESS, Frame, FrameError, Function
from meter_gateway.protocol.relay import decode_moment, encode_moment

_ANY = 99


@dataclass(frozen=True, slots=True)
class BroadcastTime:
    """The time as it was called out; naive, the meters' own zone. Nobody answers."""

    address: str
    moment: datetime


def broadcast_time(moment: datetime, *, address: str = BROADCAST_ADDRESS) -> Frame:
    """Tell every meter on the link what time it is::

        68 | 99 99 99 99 99 99 | 68 | 08 | 06 | ss mm hh DD MM YY | CS | 16

    A meter believes it once a day, within five minutes of its own clock, and not around midnight.

    Source: DL/T 645-2007 function 08H; two vectors.
    :raises ValueDoesNotFit: an aware time or a year outside 2000-2099.
    """
    return Frame(address, Function.BROADCAST_TIME, encode_moment(moment))


def parse_broadcast_time(frame: Frame) -> BroadcastTime:
    """The time that was called out; for the METER role.

    :raises FrameError: another frame.
    :raises InvalidBcd: no digits, or no such time.
    """
    if frame.control != Function.BROADCAST_TIME or len(frame.data) != 6:
        raise FrameError("not a broadcast of the time")
    moment = decode_moment(frame.data)
    if moment is None:
        raise bcd.InvalidBcd("six zero bytes are no time")
    return BroadcastTime(frame.address, moment)


@dataclass(frozen=True, slots=True)
class FreezeTime:
    """When to freeze: None stands for "every" and is 99 on the wire.

    ::

        mm hh DD MM      99 99 99 99  now               FreezeTime()
                         mm 99 99 99  each hour         FreezeTime(minute=0)
                         mm hh 99 99  each day          FreezeTime(hour=0, minute=0)
                         mm hh DD 99  each month        FreezeTime(day=1, hour=0, minute=0)

    Source: DL/T 645-2007 function 16H; one vector (all zero, which the peer accepts, is kept as it is).
    :raises ValueDoesNotFit: on construction, when a field is out of its range.
    """

    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None

    def __post_init__(self) -> None:
        for value, most in ((self.month, 12), (self.day, 31), (self.hour, 23), (self.minute, 59)):
            if value is not None and not 0 <= value <= most:
                raise bcd.ValueDoesNotFit(f"{value} is no part of a time to freeze at")

    def encode(self) -> bytes:
        parts = (self.minute, self.hour, self.day, self.month)
        return b"".join(bcd.encode_bcd(_ANY if part is None else part, 1) for part in parts)

    @classmethod
    def decode(cls, data: bytes) -> FreezeTime:
        """The inverse of :meth:`encode`, from four bytes.

        :raises InvalidBcd: no digits, another length, or a part out of its range.
        """
        if len(data) != 4:
            raise bcd.InvalidBcd(f"{len(data)} bytes are no time to freeze at")
        parts = [bcd.decode_bcd(data[at : at + 1]) for at in range(4)]
        minute, hour, day, month = (None if part == _ANY else part for part in parts)
        try:
            return cls(month, day, hour, minute)
        except bcd.ValueDoesNotFit as error:
            raise bcd.InvalidBcd(str(error)) from error


@dataclass(frozen=True, slots=True)
class FreezeRequest:
    """A freeze as the meter reads it."""

    address: str
    when: FreezeTime


def freeze_request(address: str, when: FreezeTime) -> Frame:
    """Ask for a freeze of the registers, now or regularly::

        68 | address | 68 | 16 | 04 | mm hh DD MM | CS | 16

    To the broadcast address it is never answered.

    Source: DL/T 645-2007 function 16H; one vector.
    """
    return Frame(address, Function.FREEZE, when.encode())


def parse_freeze_request(frame: Frame) -> FreezeRequest:
    """What a freeze asks; for the METER role.

    :raises FrameError: another frame.
    :raises InvalidBcd: no such time.
    """
    if frame.control != Function.FREEZE:
        raise FrameError("not a freeze request")
    return FreezeRequest(frame.address, FreezeTime.decode(frame.data))

"""The relay inside the meter: asking it to open or close, and the status word that says what it did.

An accepted command (9CH) is not yet a switched relay: read the status word back (04000503).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum

from meter_gateway.protocol import bcd
from meter_gateway.protocol.frames import Frame, FrameError, Function
from meter_gateway.protocol.status_words import bit_names


class RelayAction(IntEnum):
    """N1 of the relay command (DL/T 645-2007, function 1CH)."""

    TRIP = 0x1A
    """Open the relay: the light goes out."""
    PERMIT_CLOSE = 0x1B
    """Allow closing; somebody presses the meter's button (some models close at once)."""
    CLOSE = 0x1C
    """Close the relay at once."""
    ALARM = 0x2A
    ALARM_OFF = 0x2B
    KEEP = 0x3A
    """Keep power: the relay does not open until released, not even at zero."""
    RELEASE = 0x3B


@dataclass(frozen=True, slots=True)
class Auth:
    """What a meter without security module asks of whoever writes to it or switches it.

    ``level`` is PA (02 for control, 04 for parameters), ``password`` six and ``operator`` eight digits as
    printed; on the wire both go low byte first. The operator may hold hexadecimal digits.

    :raises ValueDoesNotFit: on construction, when a field has another shape.
    """

    level: int
    password: str
    operator: str

    def __post_init__(self) -> None:
        bcd.encode_binary(self.level, 1)
        if len(self.password) != 6 or len(self.operator) != 8:
            raise bcd.ValueDoesNotFit("a password has six digits and an operator code eight")
        bcd.encode_digits(self.password, 3)
        try:
            bytes.fromhex(self.operator)
        except ValueError as error:
            raise bcd.ValueDoesNotFit(f"{self.operator!r} is not an operator code") from error

    def encode(self) -> bytes:
        """::

            PA | P0 P1 P2 | C0 C1 C2 C3        02, "123456", "00000001"  ->  02 56 34 12 01 00 00 00

        Source: DL/T 645-2007, functions 14H and 1CH; vectors 'relay trip' of the loopback run.
        """
        return bytes((self.level,)) + bcd.encode_digits(self.password, 3) + self.encode_operator()

    def encode_operator(self) -> bytes:
        """The four operator bytes alone, low byte first, as function 03H carries them."""
        return bytes.fromhex(self.operator)[::-1]

    @classmethod
    def decode(cls, data: bytes) -> Auth:
        """The inverse of :meth:`encode`, from eight bytes.

        :raises InvalidBcd: the password is not packed decimal.
        """
        return cls(data[0], bcd.decode_digits(data[1:4]), data[7:3:-1].hex().upper())


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """A relay command as the meter reads it.

    ``valid_until`` is naive, in the meter's own zone; None means no limit (an all-zero time, as several
    platforms send it). ``action`` is N1, possibly a number :class:`RelayAction` does not know.
    """

    address: str
    action: int
    auth: Auth
    valid_until: datetime | None
    channel: int = 0

    def expired_at(self, now: datetime) -> bool:
        """Whether the meter, whose clock shows ``now`` (naive, its own zone), must refuse this command."""
        return self.valid_until is not None and now > self.valid_until


def relay_request(
    address: str, action: RelayAction, auth: Auth, valid_until: datetime, *, channel: int = 0
) -> Frame:
    """The frame that asks for ``action``; the meter refuses it once its own clock has passed ``valid_until``.

    ``valid_until`` is naive, in the meter's zone; fractions of a second are cut off. L = 10H::

        PA | P0 P1 P2 | C0 C1 C2 C3 | N1 | N2 | ss mm hh DD MM YY
        level password  operator     action channel  valid until

    Source: DL/T 645-2007 function 1CH; vectors C=1CH (all fifteen).
    :raises ValueDoesNotFit: an aware time, a year outside 2000-2099, or a channel that is no byte.
    """
    data = auth.encode() + bytes((action,)) + bcd.encode_binary(channel, 1) + encode_moment(valid_until)
    return Frame(address, Function.RELAY, data)


def parse_relay_request(frame: Frame) -> RelayRequest:
    """What a relay frame asks; for the METER role.

    :raises FrameError: not a relay request of 16 data bytes.
    :raises InvalidBcd: password or time are not packed decimal, or the time is no date.
    """
    if frame.function != Function.RELAY or frame.is_from_meter or len(frame.data) != 16:
        raise FrameError("not a relay request of 16 data bytes")
    data = frame.data
    return RelayRequest(frame.address, data[8], Auth.decode(data[:8]), decode_moment(data[10:16]), data[9])


def encode_moment(moment: datetime) -> bytes:
    """A local time as ``ss mm hh DD MM YY``, packed decimal; naive, years 2000-2099.

    :raises ValueDoesNotFit: another year, or an aware time, whose zone the wire could not carry.
    """
    if moment.tzinfo is not None:
        raise bcd.ValueDoesNotFit(f"{moment} has a zone; the wire carries the meter's own time")
    if not 2000 <= moment.year <= 2099:
        raise bcd.ValueDoesNotFit(f"year {moment.year} does not fit in two digits")
    return bcd.encode_digits(moment.strftime("%y%m%d%H%M%S"), 6)


def decode_moment(data: bytes) -> datetime | None:
    """The inverse of :func:`encode_moment`; six zero bytes mean no time at all.

    :raises InvalidBcd: not packed decimal, or no such date.
    """
    if not any(data):
        return None
    digits = bcd.decode_digits(data)
    year, month, day, hour, minute, second = (int(digits[i : i + 2]) for i in range(0, 12, 2))
    try:
        return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001 - the meter's own zone
    except ValueError as error:
        raise bcd.InvalidBcd(f"{digits} is no time: {error}") from error


class PrepaidKind(Enum):
    """What the meter counts down."""

    NONE = 0
    ENERGY = 1
    MONEY = 2
    RESERVED = 3


_WORD_3 = (
    "second_period_set",
    "bit_1",
    "bit_2",
    "programming_allowed",
    "relay_open",
    "second_zone_set",
    "relay_command_open",
    "pre_trip_alarm",
    "bit_8",
    "bit_9",
    "second_tariff_set",
    "second_ladder_set",
    "keep_power",
    "identity_auth_valid",
    "local_account_not_opened",
    "remote_account_not_opened",
)
_SINGLE_BITS = 0xFFFF & ~(0b11 << 1 | 0b11 << 8)
_SUPPLIES = ("", "supply_auxiliary", "supply_battery", "supply_reserved")
_KINDS = {
    PrepaidKind.NONE: "",
    PrepaidKind.ENERGY: "prepaid_energy",
    PrepaidKind.MONEY: "prepaid_money",
    PrepaidKind.RESERVED: "prepaid_reserved",
}


@dataclass(frozen=True, slots=True)
class StatusWord3:
    """Run status word 3 (DI 04000503), two bytes, low byte first.

    ::

        15 14 13 12 11 10  9 8   7  6 5  4 3  2 1  0
         |  |  |  |        | |   |  | |  | |  | |  second set of periods
         |  |  |  |        | |   |  | |  | |  supply: 00 mains, 01 auxiliary, 10 battery
         |  |  |  |        | |   |  | |  | programming allowed
         |  |  |  |        | |   |  | |  relay state: 1 open
         |  |  |  |        | |   |  | second set of year zones
         |  |  |  |        | |   |  relay command state: 1 open
         |  |  |  |        | |   pre-trip alarm
         |  |  |  |        type: 00 not prepaid, 01 energy, 10 money
         |  |  |  keep power   (11 second ladder set, 10 second tariff set)
         |  |  identity authentication valid
         |  local account: 0 opened
         remote account: 0 opened

    Source: DL/T 645-2007 annex C; vectors 04000503 (0000H closed and 0050H open, a real meter).
    """

    raw: int

    @classmethod
    def decode(cls, data: bytes) -> StatusWord3:
        return cls(bcd.decode_binary(data))

    def encode(self) -> bytes:
        return bcd.encode_binary(self.raw, 2)

    @classmethod
    def of(
        cls,
        *,
        relay_open: bool = False,
        relay_command_open: bool = False,
        pre_trip_alarm: bool = False,
        prepaid_kind: PrepaidKind = PrepaidKind.NONE,
        keep_power: bool = False,
        account_opened: bool = True,
    ) -> StatusWord3:
        """The word for these facts, all other bits 0; ``account_opened`` sets both account bits."""
        return cls(
            relay_open << 4
            | relay_command_open << 6
            | pre_trip_alarm << 7
            | prepaid_kind.value << 8
            | keep_power << 12
            | (0 if account_opened else 0b11 << 14)
        )

    @property
    def names(self) -> frozenset[str]:
        """What the bits that are set say; mains supply and "not prepaid" are zero bits and go unsaid."""
        single = bit_names(self.raw & _SINGLE_BITS, _WORD_3)
        supply = _SUPPLIES[self.raw >> 1 & 0b11]
        kind = _KINDS[self.prepaid_kind]
        return single | {name for name in (supply, kind) if name}

    def bit(self, number: int) -> bool:
        """One bit, for profiles whose relay bit is not the standard's."""
        return bool(self.raw >> number & 1)

    @property
    def relay_open(self) -> bool:
        """Whether the contact is open now: no light."""
        return self.bit(4)

    @property
    def relay_command_open(self) -> bool:
        """What the meter was last told, which a relay that waits for its button does not yet show."""
        return self.bit(6)

    @property
    def pre_trip_alarm(self) -> bool:
        return self.bit(7)

    @property
    def prepaid_kind(self) -> PrepaidKind:
        return PrepaidKind(self.raw >> 8 & 0b11)

    @property
    def keep_power(self) -> bool:
        return self.bit(12)

    @property
    def account_opened(self) -> bool:
        """Whether the meter accepts recharges from afar (the remote account bit)."""
        return not self.bit(15)

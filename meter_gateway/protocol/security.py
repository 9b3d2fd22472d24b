"""The other frames of the prepaid extension (03H): purse, status, and what only a security module can answer.

Recharge and account opening are in :mod:`meter_gateway.protocol.prepaid`. Frames of identity authentication
and key update are recognised by name and field, so that a log can be read; nothing here can make their MACs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from meter_gateway.protocol import bcd
from meter_gateway.protocol.frames import Frame, FrameError, Function, decode_di, encode_di
from meter_gateway.protocol.prepaid import RechargeNotPossible, wire_amount
from meter_gateway.protocol.profiles import Profile

PURSE_INIT_DI = "070103FF"
VOID_DI = "070108FF"
STATUS_DI = "078102FF"
PURSE_STATUS_LENGTH = 26

Field = tuple[str, int, str]
"""Name, width in bytes, kind: "energy" (binary x100), "number" (binary), "digits" (BCD) or "raw"."""

_MAC_1: Field = ("mac_1", 4, "raw")
_MAC_2: Field = ("mac_2", 4, "raw")
_MAC: Field = ("mac", 4, "raw")
_ENERGY: Field = ("energy_kwh", 4, "energy")
_REMAINING: Field = ("remaining_kwh", 4, "energy")
_COUNT: Field = ("purchase_count", 4, "number")
_CUSTOMER: Field = ("customer_no", 6, "digits")
_KEY_INFO: Field = ("key_info", 4, "raw")
_COUNTED = (_ENERGY, _COUNT, _MAC_1, _CUSTOMER, _MAC_2)
_ORDERED = (_ENERGY, ("order_no", 8, "digits"), _MAC_1, ("meter_no", 6, "digits"), _MAC_2)
_CREDITED = (_REMAINING, _COUNT, _CUSTOMER)
_STATUS = (_REMAINING, _MAC_1, _COUNT, _MAC_2, _CUSTOMER, _KEY_INFO)
_ENDED = (_CUSTOMER, _REMAINING, _COUNT, _KEY_INFO)
_KEY_UPDATE = (_KEY_INFO, _MAC, ("key", 32, "raw"))


@dataclass(frozen=True, slots=True)
class SecurityCommand:
    """One identifier of the extension: the fields after the operator code, and those of the answer.

    Several ``asks`` differ in length, which tells them apart.
    """

    name: str
    asks: tuple[tuple[Field, ...], ...]
    answers: tuple[tuple[Field, ...], ...] = ()
    needs_security_module: bool = False


COMMANDS: Mapping[str, SecurityCommand] = {
    "070000FF": SecurityCommand(
        "identity_auth",
        ((("cipher_1", 8, "raw"), ("random_1", 8, "raw"), ("diversification", 8, "raw")),),
        ((("random_2", 4, "raw"), ("module_serial", 8, "raw")),),
        True,
    ),
    "070001FF": SecurityCommand("auth_lifetime", ((("lifetime_min", 2, "number"), _MAC),), (), True),
    "07000201": SecurityCommand("end_auth", ((),), (_ENDED,), True),
    "070002FF": SecurityCommand("end_auth", ((),), (_ENDED,), True),
    "070101FF": SecurityCommand("open_account", (_COUNTED,), (_CREDITED,)),
    "070102FF": SecurityCommand("recharge", (_COUNTED, _ORDERED), (_CREDITED,)),
    PURSE_INIT_DI: SecurityCommand("purse_init", ((_ENERGY, _MAC_1, _COUNT, _MAC_2),), (_CREDITED,)),
    VOID_DI: SecurityCommand("void", (_ORDERED,), (_CREDITED,)),
    "070201FF": SecurityCommand("control_key_update", (_KEY_UPDATE,), (), True),
    "070202FF": SecurityCommand("parameter_key_update", (_KEY_UPDATE,), (), True),
    "070203FF": SecurityCommand("auth_key_update", (_KEY_UPDATE,), (), True),
    "078001FF": SecurityCommand("read_back", ((("descriptor", 8, "raw"),),), (), True),
    "07810201": SecurityCommand("status", ((),), (_STATUS,)),
    STATUS_DI: SecurityCommand("status", ((),), (_STATUS,)),
}
"""By DI. Lengths follow from the fields: L of a question is 8 more (DI and operator), of an answer 4 more."""

FieldValue = Decimal | int | str


@dataclass(frozen=True, slots=True)
class SecurityRequest:
    """Any 03H question; ``body`` is what follows the operator code."""

    address: str
    di: str
    operator: str
    body: bytes

    @property
    def command(self) -> SecurityCommand | None:
        """None for an identifier that is not in :data:`COMMANDS`."""
        return COMMANDS.get(self.di)

    def fields(self) -> dict[str, FieldValue]:
        """The body by name; empty where its length is none of the command's.

        :raises InvalidBcd: a number that should be digits is not.
        """
        return decode_fields(self.command.asks if self.command else (), self.body)


def parse_security_request(frame: Frame) -> SecurityRequest:
    """Any question of function 03H; for the METER role and for logs::

        DI0..DI3 | C0 C1 C2 C3 | body

    Source: prepaid extension of DL/T 645; six vectors C=03H.
    :raises FrameError: another frame, or fewer than eight bytes.
    """
    if frame.control != Function.SECURITY or len(frame.data) < 8:
        raise FrameError("not a security request")
    operator = frame.data[7:3:-1].hex().upper()
    return SecurityRequest(frame.address, decode_di(frame.data), operator, frame.data[8:])


def decode_fields(layouts: tuple[tuple[Field, ...], ...], body: bytes) -> dict[str, FieldValue]:
    """The values of ``body`` in the layout of its length; {} where there is none. Raw fields come as hex.

    :raises InvalidBcd: a number that should be digits is not.
    """
    for layout in layouts:
        if sum(width for _, width, _ in layout) == len(body):
            values: dict[str, FieldValue] = {}
            at = 0
            for name, width, kind in layout:
                values[name] = _field(body[at : at + width], kind)
                at += width
            return values
    return {}


def _field(data: bytes, kind: str) -> FieldValue:
    if kind == "energy":
        return Decimal(bcd.decode_binary(data)).scaleb(-2)
    if kind == "number":
        return bcd.decode_binary(data)
    return bcd.decode_digits(data) if kind == "digits" else data.hex().upper()


def status_request(address: str, profile: Profile) -> Frame:
    """Ask for the purse: what remains, and the purchase count::

        FF 02 81 07 | C0 C1 C2 C3                 L = 08H

    Source: prepaid extension, 03H / 078102FF; vector 'status query' of a real meter.
    """
    return Frame(address, Function.SECURITY, encode_di(STATUS_DI) + profile.auth.encode_operator())


def purse_init_request(address: str, profile: Profile, energy_kwh: Decimal) -> Frame:
    """Set what remains, and the purchase count to 0. Only for the bench: it forgets every purchase::

        FF 03 01 07 | C0 C1 C2 C3 | preset (4) | MAC (4) | count = 0 (4) | MAC (4)        L = 18H
                                    kWh x 100    zero                      zero

    Source: prepaid extension, 03H / 070103FF.
    :raises RechargeNotPossible: the model needs a security module, or the energy is negative or too fine.
    """
    amount = wire_amount(profile, energy_kwh) if energy_kwh else 0
    try:
        preset = bcd.encode_binary(amount, 4)
    except bcd.ValueDoesNotFit as error:
        raise RechargeNotPossible(str(error)) from error
    data = encode_di(PURSE_INIT_DI) + profile.auth.encode_operator() + preset + bytes(12)
    return Frame(address, Function.SECURITY, data)


@dataclass(frozen=True, slots=True)
class PurseStatus:
    """The answer to :func:`status_request`. MACs and key information are kept as they are, unchecked."""

    remaining_kwh: Decimal
    purchase_count: int
    customer_no: str
    macs: tuple[bytes, bytes] = (bytes(4), bytes(4))
    key_info: bytes = bytes(4)

    def encode(self) -> bytes:
        """::

            remaining (4) | MAC (4) | count (4) | MAC (4) | customer (6) | key info (4)
            binary x100               binary                BCD            low byte first

        Source: prepaid extension, answer to 03H / 078102FF (and 07810201).
        :raises ValueDoesNotFit: a value does not fit its field.
        """
        return (
            bcd.encode_binary(bcd.scaled(self.remaining_kwh, 2), 4)
            + self.macs[0]
            + bcd.encode_binary(self.purchase_count, 4)
            + self.macs[1]
            + bcd.encode_digits(self.customer_no, 6)
            + self.key_info
        )

    @classmethod
    def decode(cls, data: bytes) -> PurseStatus:
        """The inverse of :meth:`encode`, from 26 bytes.

        :raises InvalidBcd: the customer number is not packed decimal, or the length differs.
        """
        if len(data) != PURSE_STATUS_LENGTH:
            raise bcd.InvalidBcd(f"{len(data)} bytes are no purse status")
        return cls(
            Decimal(bcd.decode_binary(data[0:4])).scaleb(-2),
            bcd.decode_binary(data[8:12]),
            bcd.decode_digits(data[16:22]),
            (data[4:8], data[12:16]),
            data[22:26],
        )

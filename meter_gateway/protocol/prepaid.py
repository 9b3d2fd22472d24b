"""Energy on its way into a meter: the recharge frame, and what a meter says against it.

The purchase count makes a recharge safe to send twice: the meter takes it only if the count is its own
plus one. A refusal "repeated" therefore proves nothing by itself; read the counters back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from meter_gateway.protocol import bcd
from meter_gateway.protocol.frames import Frame, FrameError, Function, decode_di, encode_di
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.status_words import bit_names

OPEN_ACCOUNT_DI = "070101FF"
RECHARGE_DI = "070102FF"
NO_CUSTOMER = "000000000000"
CREDIT_REPORT_LENGTH = 14

_ENERGY_PLACES = 2
_NO_MAC = bytes(4)
_RECHARGE_LENGTH = 30


class RechargeNotPossible(ValueError):
    """This model cannot carry such a recharge; nothing was built."""


@dataclass(frozen=True, slots=True)
class RechargeRequest:
    """A recharge as the meter reads it; ``energy_kwh`` has two decimal places."""

    address: str
    di: str
    operator: str
    energy_kwh: Decimal
    purchase_count: int
    customer_no: str
    macs: tuple[bytes, bytes] = (_NO_MAC, _NO_MAC)


def recharge_request(
    address: str, profile: Profile, *, energy_kwh: Decimal, purchase_count: int, customer_no: str | None
) -> Frame:
    """The frame that adds ``energy_kwh`` to the meter if its own count is ``purchase_count`` - 1.

    Same inputs, same bytes: a stored frame and a rebuilt one are equal. L = 1EH, numbers binary::

        FF 02 01 07 | C0 C1 C2 C3 | amount (4) | count (4) | MAC1 (4) | customer (6) | MAC2 (4)
        DI            operator      kWh x 100    this one's  zero       BCD, low     zero
                                    low first    number                 byte first

    Source: prepaid extension of DL/T 645, 03H / 070102FF; vector 'recharge, State Grid layout'. MACs are zero
    for meters without a security module.

    :raises RechargeNotPossible: the energy is not a positive multiple of the model's credit step, the count
        is not positive, a customer number is needed and missing, or the model uses another layout.
    """
    if profile.credit_layout != "count_30":
        raise RechargeNotPossible(
            f"{profile.name} takes no purchase count, but layout {profile.credit_layout!r}"
        )
    amount = wire_amount(profile, energy_kwh)
    return _counted(address, profile, RECHARGE_DI, amount, purchase_count, customer_no)


def open_account_request(
    address: str, profile: Profile, *, energy_kwh: Decimal, purchase_count: int, customer_no: str | None
) -> Frame:
    """The first credit of a meter fresh from the bench, which also gives it its customer number.

    The bytes are those of :func:`recharge_request` with DI 070101FF; a meter in service refuses them. The
    energy may be zero: the account is opened, and the purchase count still moves on by one.

    Source: prepaid extension of DL/T 645, 03H / 070101FF.
    :raises RechargeNotPossible: as :func:`recharge_request`.
    """
    amount = wire_amount(profile, energy_kwh) if energy_kwh else 0
    return _counted(address, profile, OPEN_ACCOUNT_DI, amount, purchase_count, customer_no)


def wire_amount(profile: Profile, energy_kwh: Decimal) -> int:
    """How many of the model's units ``energy_kwh`` is on the wire: 10.00 kWh is 1000 where the unit is 0.01.

    :raises RechargeNotPossible: the model needs a security module, or the energy is not a positive multiple
        of its credit step.
    """
    if profile.credit_mac != "zero":
        raise RechargeNotPossible(f"{profile.name} needs a security module to sign its credits")
    places = profile.credit_places
    try:
        amount = bcd.scaled(energy_kwh, places)
    except bcd.ValueDoesNotFit as error:
        raise RechargeNotPossible(str(error)) from error
    if amount <= 0 or amount % bcd.scaled(profile.credit_step_kwh, places):
        raise RechargeNotPossible(f"{energy_kwh} is no positive multiple of {profile.credit_step_kwh} kWh")
    return amount


def _counted(
    address: str, profile: Profile, di: str, amount: int, purchase_count: int, customer_no: str | None
) -> Frame:
    if purchase_count < 1:
        raise RechargeNotPossible(f"purchase count {purchase_count} is not positive")
    if profile.needs_customer_no and not customer_no:
        raise RechargeNotPossible(f"{profile.name} needs the customer number")
    try:
        data = (
            encode_di(di)
            + profile.auth.encode_operator()
            + bcd.encode_binary(amount, 4)
            + bcd.encode_binary(purchase_count, 4)
            + _NO_MAC
            + bcd.encode_digits(customer_no or NO_CUSTOMER, 6)
            + _NO_MAC
        )
    except bcd.ValueDoesNotFit as error:
        raise RechargeNotPossible(str(error)) from error
    return Frame(address, Function.SECURITY, data)


def parse_recharge(frame: Frame, *, places: int = 2) -> RechargeRequest:
    """What a recharge (070102FF) or account opening (070101FF) asks; for the METER role.

    ``places`` is the model's :attr:`~meter_gateway.protocol.profiles.Profile.credit_places`.

    :raises FrameError: not such a request, or not thirty data bytes.
    :raises InvalidBcd: the customer number is not packed decimal.
    """
    if frame.function != Function.SECURITY or frame.is_from_meter or len(frame.data) != _RECHARGE_LENGTH:
        raise FrameError("not a recharge of 30 data bytes")
    data, di = frame.data, decode_di(frame.data)
    if di not in (RECHARGE_DI, OPEN_ACCOUNT_DI):
        raise FrameError(f"{di} is not a recharge")
    return RechargeRequest(
        address=frame.address,
        di=di,
        operator=data[7:3:-1].hex().upper(),
        energy_kwh=Decimal(bcd.decode_binary(data[8:12])).scaleb(-places),
        purchase_count=bcd.decode_binary(data[12:16]),
        customer_no=bcd.decode_digits(data[20:26]),
        macs=(data[16:20], data[26:30]),
    )


@dataclass(frozen=True, slots=True)
class CreditReport:
    """What some meters add to an accepted recharge: their state afterwards."""

    remaining_kwh: Decimal
    purchase_count: int
    customer_no: str

    def encode(self) -> bytes:
        """::

            remaining (4) | count (4) | customer (6)        binary x100, binary, BCD; low byte first

        Source: reply of firmware without security module, L=12H together with the DI.
        """
        return (
            bcd.encode_binary(bcd.scaled(self.remaining_kwh, _ENERGY_PLACES), 4)
            + bcd.encode_binary(self.purchase_count, 4)
            + bcd.encode_digits(self.customer_no, 6)
        )

    @classmethod
    def decode(cls, data: bytes) -> CreditReport:
        """The inverse of :meth:`encode`, from fourteen bytes.

        :raises InvalidBcd: the customer number is not packed decimal, or the length differs.
        """
        if len(data) != CREDIT_REPORT_LENGTH:
            raise bcd.InvalidBcd(f"{len(data)} bytes are no credit report")
        remaining = Decimal(bcd.decode_binary(data[:4])).scaleb(-_ENERGY_PLACES)
        return cls(remaining, bcd.decode_binary(data[4:8]), bcd.decode_digits(data[8:14]))


SECURITY_ERRORS = (
    "other",
    "repeated_recharge",
    "esam_failed",
    "identity_auth_failed",
    "customer_mismatch",
    "count_error",
    "over_hoarding_limit",
)
"""Names of the SERR bits, from bit 0."""

ACCESS_ERRORS = (
    "other",
    "no_such_data",
    "unauthorised",
    "baud_locked",
    "too_many_year_zones",
    "too_many_day_periods",
    "too_many_tariffs",
    "reserved",
)
"""Names of the bits of the one-byte ERR word, from bit 0 (DL/T 645-2007, annex C)."""


VENDOR_ERRORS: Mapping[int, str] = {
    0x80: "count_error",
    0x81: "customer_mismatch",
    0x82: "over_hoarding_limit",
    0x83: "price_limit",
    0x84: "wrong_length",
}
"""Codes, not bits, of meters without security module that refuse with one byte of 80H or more."""


@dataclass(frozen=True, slots=True)
class SecurityError:
    """Why a meter refused a 03H request. A value, not an exception: a refusal is a fact to be kept.

    ::

        SERR, two bytes, low byte first
        b0 other   b1 repeated recharge   b2 ESAM   b3 identity   b4 customer   b5 count   b6 hoarding limit

    Some meters answer with one byte, which is the plain ERR word and has other names; bit 1 there does
    **not** mean "repeated". One byte of 80H to 84H is a code of :data:`VENDOR_ERRORS`. Unnamed bits come out
    as "bit_7" and so on.

    Source: prepaid extension of DL/T 645; vectors C=C3H (two constructed, three from meters); the codes from
    a public firmware without security module.
    """

    raw: int
    names: frozenset[str]

    @classmethod
    def decode(cls, data: bytes) -> SecurityError:
        raw = bcd.decode_binary(data)
        if len(data) == 1 and raw in VENDOR_ERRORS:
            return cls(raw, frozenset((VENDOR_ERRORS[raw],)))
        return cls(raw, bit_names(raw, SECURITY_ERRORS if len(data) >= 2 else ACCESS_ERRORS))

    @classmethod
    def of(cls, *names: str) -> SecurityError:
        """The word with these bits set; for the METER role.

        :raises ValueError: a name is not one of :data:`SECURITY_ERRORS`.
        """
        raw = 0
        for name in names:
            raw |= 1 << SECURITY_ERRORS.index(name)
        return cls(raw, frozenset(names))

    def encode(self) -> bytes:
        """``SERR``, two bytes, low byte first."""
        return bcd.encode_binary(self.raw, 2)

"""One door to every way in which a model takes energy; which way it is stands in its profile.

================  ===========================================  ==========================================
layout            bytes                                        a second delivery of the same credit
================  ===========================================  ==========================================
``count_30``      03H / 070102FF, L=1EH, purchase count        is refused by the meter: "repeated"
``order_34``      03H / 070102FF, L=22H, order number          is refused by meters that keep the numbers
``write``         14H to the maker's own DI, with password     **adds the energy again**
================  ===========================================  ==========================================

``profile.dedupe`` says which of the three a model really does; with "none" a credit whose answer was lost
must never be sent again, only read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from meter_gateway.protocol import bcd
from meter_gateway.protocol.frames import Frame, FrameError, Function, decode_di, encode_di
from meter_gateway.protocol.parameters import parse_write_request, write_raw_request
from meter_gateway.protocol.prepaid import (
    RECHARGE_DI,
    RechargeNotPossible,
    parse_recharge,
    recharge_request,
    wire_amount,
)
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.security import PURSE_INIT_DI, VOID_DI, purse_init_request

_NO_MAC = bytes(4)
_ORDER_LENGTH = 34
_WRITTEN_LENGTH = 4


@dataclass(frozen=True, slots=True)
class Credit:
    """Energy for a meter, whatever the layout. What a layout does not carry is None."""

    energy_kwh: Decimal
    number: int | None = None
    customer_no: str | None = None
    order_no: str | None = None


def credit_frame(
    profile: Profile,
    serial: str,
    energy_kwh: Decimal,
    number: int | None = None,
    customer_no: str | None = None,
    order_no: str | None = None,
) -> Frame:
    """The frame that brings ``energy_kwh`` into this meter, in its model's layout.

    ``number`` is the purchase count the meter is to have afterwards (``count_30``), ``order_no`` up to
    sixteen digits (``order_34``); what the layout does not carry is ignored. Same inputs, same bytes.

    :raises RechargeNotPossible: the model needs a security module, the energy is not a positive multiple of
        its step or too large, or what its layout needs is missing or has another shape.
    """
    match profile.credit_layout:
        case "count_30":
            if number is None:
                raise RechargeNotPossible(f"{profile.name} needs the purchase count")
            return recharge_request(
                serial, profile, energy_kwh=energy_kwh, purchase_count=number, customer_no=customer_no
            )
        case "order_34":
            return _ordered(profile, serial, RECHARGE_DI, energy_kwh, order_no)
        case _:
            return _written(profile, serial, energy_kwh)


def void_frame(profile: Profile, serial: str, energy_kwh: Decimal, order_no: str | None) -> Frame:
    """The frame that takes ``energy_kwh`` out of this meter again, under an order number of its own.

    The bytes are those of an ``order_34`` credit with DI 070108FF.

    Source: vector 'refund' of a real meter without security module.
    :raises RechargeNotPossible: the model cannot do that (``void_di`` is empty), or as :func:`credit_frame`.
    """
    if profile.void_di != VOID_DI:
        raise RechargeNotPossible(f"{profile.name} gives no energy back")
    return _ordered(profile, serial, VOID_DI, energy_kwh, order_no)


def clear_purse_frame(profile: Profile, serial: str) -> Frame:
    """The frame that leaves nothing in this meter's purse, in its model's dialect.

    Models of function 03H take 070103FF with nothing preset; models recharged by writes the maker's own DI::

        00 03 0A 00 | PA P0 P1 P2 | C0 C1 C2 C3                      L = 0CH, function 14H
        maker's DI    level password  operator

    Source: :func:`~meter_gateway.protocol.security.purse_init_request`; a public bridge that clears the
    balance by writing to 000A0300 (that it takes no value is assumed).
    :raises RechargeNotPossible: the model cannot do that (``clear_di`` is empty), or needs a security module.
    """
    if not profile.clear_di:
        raise RechargeNotPossible(f"{profile.name} never empties its purse")
    if profile.clear_di == PURSE_INIT_DI:
        return purse_init_request(serial, profile, Decimal(0))
    return write_raw_request(serial, profile.clear_di, profile.auth, b"")


def parse_credit(profile: Profile, frame: Frame) -> Credit:
    """What a credit brings; for the METER role of this model.

    :raises FrameError: not a credit in this model's layout.
    :raises InvalidBcd: a field that should be digits is not.
    """
    match profile.credit_layout:
        case "count_30":
            asked = parse_recharge(frame, places=profile.credit_places)
            if asked.di != RECHARGE_DI:
                raise FrameError("an account opening is no credit")
            return Credit(asked.energy_kwh, asked.purchase_count, asked.customer_no)
        case "order_34":
            return _parse_ordered(profile, frame)
        case _:
            write = parse_write_request(frame)
            if write.di != profile.credit_di or len(write.data) != _WRITTEN_LENGTH:
                raise FrameError(f"not a write to {profile.credit_di}")
            return Credit(bcd.decode_decimal(write.data, profile.credit_places))


def _ordered(profile: Profile, serial: str, di: str, energy_kwh: Decimal, order_no: str | None) -> Frame:
    """::

        FF 02 01 07 | C0 C1 C2 C3 | amount (4) | order (8) | MAC1 (4) | meter (6) | MAC2 (4)      L = 22H
        DI            operator      kWh x 100    BCD, low    zero       the address  zero
                                    low first    byte first             once more

    Source: vector 'recharge L=22H' of a real meter without security module (issasohail/tms), bit by bit.
    """
    amount = wire_amount(profile, energy_kwh)
    if not order_no:
        raise RechargeNotPossible(f"{profile.name} needs an order number")
    try:
        data = (
            encode_di(di)
            + profile.auth.encode_operator()
            + bcd.encode_binary(amount, 4)
            + bcd.encode_digits(order_no, 8)
            + _NO_MAC
            + bcd.encode_digits(serial, 6)
            + _NO_MAC
        )
    except bcd.ValueDoesNotFit as error:
        raise RechargeNotPossible(str(error)) from error
    return Frame(serial, Function.SECURITY, data)


def _parse_ordered(profile: Profile, frame: Frame) -> Credit:
    data = frame.data
    if frame.control != Function.SECURITY or len(data) != _ORDER_LENGTH or decode_di(data) != RECHARGE_DI:
        raise FrameError("not a recharge of 34 data bytes")
    if bcd.decode_digits(data[24:30]) != frame.address:
        raise FrameError("the recharge names another meter")
    energy_kwh = Decimal(bcd.decode_binary(data[8:12])).scaleb(-profile.credit_places)
    return Credit(energy_kwh, order_no=bcd.decode_digits(data[12:20]))


def _written(profile: Profile, serial: str, energy_kwh: Decimal) -> Frame:
    """::

        00 01 0A 00 | PA P0 P1 P2 | C0 C1 C2 C3 | amount (4)         L = 10H, function 14H
        maker's DI    level password  operator    kWh x 100, BCD, low byte first

    Source: a public bridge that recharges by writing to 000A0100; the width and format of the amount are
    assumed, a maker's word may change them.
    """
    amount = wire_amount(profile, energy_kwh)
    try:
        return write_raw_request(serial, profile.credit_di, profile.auth, bcd.encode_bcd(amount, 4))
    except bcd.ValueDoesNotFit as error:
        raise RechargeNotPossible(str(error)) from error

"""What a meter answers: the METER role's half of :mod:`meter_gateway.protocol.replies`.

Every function takes the question, so that the answer carries its function and identifier. Where a question
went to a wildcard address, give the meter's own ``address``.
"""

from __future__ import annotations

from meter_gateway.protocol.bcd import encode_address
from meter_gateway.protocol.codecs import Value
from meter_gateway.protocol.frames import Frame, FrameError, Function, encode_di
from meter_gateway.protocol.prepaid import (
    ACCESS_ERRORS,
    CreditReport,
    SecurityError,
)
from meter_gateway.protocol.registers import encode_value
from meter_gateway.protocol.security import PurseStatus


def answer_read(request: Frame, value: Value, *, address: str | None = None) -> Frame:
    """The register's value::

        68 | address | 68 | 91 | L | DI0..DI3 | value | CS | 16

    :raises UnknownRegister, ValueDoesNotFit: as :func:`~meter_gateway.protocol.registers.encode_value`.
    :raises FrameError: the question carries no identifier.
    """
    di = _di_of(request)
    return request.answered_with(encode_di(di) + encode_value(di, value), address=address)


def answer_read_raw(request: Frame, raw: bytes, *, more: bool = False, address: str | None = None) -> Frame:
    """Bytes as they are, with B1H instead of 91H while ``more`` follows; follow-ups repeat their number."""
    sequence = request.data[4:5] if request.function == Function.READ_MORE else b""
    data = encode_di(_di_of(request)) + raw + sequence
    return request.answered_with(data, more=more, address=address)


def answer_address(request: Frame, address: str) -> Frame:
    """The meter's address, in the head and in the data::

    68 | address | 68 | 93 | 06 | A0..A5 | CS | 16
    """
    return request.answered_with(encode_address(address), address=address)


def push(address: str, di: str, value: Value) -> Frame:
    """A report nobody asked for; the same bytes as the answer to a read (C=91H)."""
    return Frame(address, Function.READ).answered_with(encode_di(di) + encode_value(di, value))


def accept(
    request: Frame, report: CreditReport | PurseStatus | None = None, *, address: str | None = None
) -> Frame:
    """Done: 9CH or 94H without data, 83H with the identifier and, on some models, the state afterwards."""
    data = encode_di(_di_of(request)) if request.function == Function.SECURITY else b""
    return request.answered_with(data + (report.encode() if report else b""), address=address)


def refuse(request: Frame, *names: str, address: str | None = None) -> Frame:
    """Not done: D1H, DCH ... with the one-byte ERR word of these names ("other", "no_such_data", ...).

    :raises ValueError: a name is not one of ``ACCESS_ERRORS``.
    """
    word = 0
    for name in names:
        word |= 1 << ACCESS_ERRORS.index(name)
    return request.answered_with(bytes((word,)), error=True, address=address)


def refuse_security(request: Frame, error: SecurityError, *, address: str | None = None) -> Frame:
    """Not credited: C3H with the two bytes of SERR."""
    return request.answered_with(error.encode(), error=True, address=address)


def _di_of(request: Frame) -> str:
    if request.di is None:
        raise FrameError("the question carries no identifier")
    return request.di

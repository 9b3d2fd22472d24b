"""What a meter's answer means, and which question it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from meter_gateway.protocol.bcd import InvalidBcd, decode_address
from meter_gateway.protocol.codecs import Value
from meter_gateway.protocol.frames import BROADCAST_ADDRESS, Frame, Function, addresses
from meter_gateway.protocol.prepaid import ACCESS_ERRORS, CREDIT_REPORT_LENGTH, CreditReport, SecurityError
from meter_gateway.protocol.registers import RegisterError, decode_value
from meter_gateway.protocol.security import PURSE_STATUS_LENGTH, PurseStatus
from meter_gateway.protocol.status_words import bit_names


@dataclass(frozen=True, slots=True)
class ReadReply:
    """A register's answer, or a push, which looks the same.

    ``value`` is None where the register is unknown or its bytes are not what the register holds; ``problem``
    then says why, and ``raw`` (the bytes after the DI) is the evidence. Partial answers (``more``, or a
    follow-up with ``sequence`` above 0) are not decoded: join their ``raw`` first.
    """

    address: str
    di: str
    value: Value
    raw: bytes
    problem: str = ""
    more: bool = False
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class AddressReply:
    """The answer to 13H: the meter's own address, from the data where it is sound, else from the head."""

    address: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The meter says that it did it; the read-back decides.

    ``credit`` and ``status`` are what an answer to 03H tells besides; ``raw`` are the bytes of an answer that
    nothing here decodes (a new password, a module's answer to authentication).
    """

    address: str
    function: int
    di: str | None = None
    credit: CreditReport | None = None
    status: PurseStatus | None = None
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Refused:
    """The meter says no. ``error_names`` are of SERR for two-byte answers to 03H, else of the ERR word."""

    address: str
    function: int
    error_names: frozenset[str]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Unclassified:
    """A sound frame of the meter that is no answer known here (vendor functions, heartbeats)."""

    address: str
    function: int
    raw: bytes


Reply = ReadReply | AddressReply | Accepted | Refused | Unclassified

_ACKNOWLEDGED = frozenset(
    (
        Function.WRITE,
        Function.WRITE_ADDRESS,
        Function.FREEZE,
        Function.CHANGE_BAUD,
        Function.CHANGE_PASSWORD,
        Function.CLEAR_DEMAND,
        Function.CLEAR_METER,
        Function.CLEAR_EVENTS,
        Function.RELAY,
    )
)


def parse_reply(frame: Frame) -> Reply:
    """What this frame of a meter says. Never raises: what cannot be understood is kept raw.

    ::

        91 / B1  DI value        92 / B2  DI value SEQ      93  address
        83  DI [report]          94 9C 95 96 ..  [data]
        D1 DC D4 ..  ERR         C3  SERR (2 bytes) or ERR (1 byte)

    Source: DL/T 645-2007 section 7; vectors of every control named here.
    """
    function = frame.function
    if not frame.is_from_meter:
        return Unclassified(frame.address, function, frame.data)
    if frame.is_error:
        return _refusal(frame)
    if frame.di and function in (Function.READ, Function.READ_MORE):
        return _read(frame, frame.di)
    if function == Function.READ_ADDRESS:
        try:
            return AddressReply(decode_address(frame.data))
        except InvalidBcd:
            return AddressReply(frame.address)
    if function == Function.SECURITY:
        return _accepted_security(frame)
    if function in _ACKNOWLEDGED:
        return Accepted(frame.address, function, raw=frame.data)
    return Unclassified(frame.address, function, frame.data)


def read_reply(address: str, di: str, raw: bytes) -> ReadReply:
    """The reply that ``raw`` amounts to, which are all the bytes after the DI, of one frame or of several."""
    try:
        return ReadReply(address, di, decode_value(di, raw), raw)
    except (RegisterError, InvalidBcd) as error:
        return ReadReply(address, di, None, raw, str(error))


def matches(request: Frame, reply: Frame) -> bool:
    """Whether ``reply`` can be the answer to ``request``: same address, same function, same identifier.

    Late answers to an earlier question and pushes of another register fail here. An error names no register,
    so address and function must do. An accepted write (94H) never names one, an accepted 03H need not.
    """
    if request.address == BROADCAST_ADDRESS or not reply.is_from_meter:
        return False
    if reply.function != request.function or not addresses(request.address, reply.address):
        return False
    if reply.is_error or request.di is None:
        return True
    if request.function in (Function.SECURITY, Function.WRITE) and not reply.data:
        return True
    if request.function == Function.READ_MORE and reply.data[-1:] != request.data[4:5]:
        return False
    return reply.di == request.di


def _read(frame: Frame, di: str) -> ReadReply:
    raw, sequence = frame.data[4:], 0
    if frame.function == Function.READ_MORE and raw:
        raw, sequence = raw[:-1], raw[-1]
    if frame.has_more or sequence:
        return ReadReply(frame.address, di, None, raw, "partial", frame.has_more, sequence)
    return read_reply(frame.address, di, raw)


def _refusal(frame: Frame) -> Refused:
    if frame.function == Function.SECURITY:
        names = SecurityError.decode(frame.data).names
    else:
        names = bit_names(int.from_bytes(frame.data[:1], "little"), ACCESS_ERRORS)
    return Refused(frame.address, frame.function, names, frame.data)


def _accepted_security(frame: Frame) -> Accepted:
    di, body = frame.di, frame.data[4:]
    try:
        if len(body) == CREDIT_REPORT_LENGTH:
            return Accepted(frame.address, frame.function, di, credit=CreditReport.decode(body))
        if len(body) == PURSE_STATUS_LENGTH:
            return Accepted(frame.address, frame.function, di, status=PurseStatus.decode(body))
    except InvalidBcd:
        pass
    return Accepted(frame.address, frame.function, di, raw=body)

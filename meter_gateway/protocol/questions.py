"""Every question of the protocol, told apart: the METER role's ear, and a log's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meter_gateway.protocol.clearing import ClearRequest, parse_clear_request
from meter_gateway.protocol.frames import Frame, FrameError, Function
from meter_gateway.protocol.parameters import (
    ChangeBaudRequest,
    ChangePasswordRequest,
    WriteAddressRequest,
    WriteRequest,
    parse_change_baud_request,
    parse_change_password_request,
    parse_write_address_request,
    parse_write_request,
)
from meter_gateway.protocol.reads import (
    ReadAddressRequest,
    ReadRequest,
    parse_read_address_request,
    parse_read_request,
)
from meter_gateway.protocol.relay import RelayRequest, parse_relay_request
from meter_gateway.protocol.security import SecurityRequest, parse_security_request
from meter_gateway.protocol.timing import (
    BroadcastTime,
    FreezeRequest,
    parse_broadcast_time,
    parse_freeze_request,
)

Question = (
    ReadRequest
    | ReadAddressRequest
    | WriteRequest
    | WriteAddressRequest
    | ChangeBaudRequest
    | ChangePasswordRequest
    | ClearRequest
    | RelayRequest
    | SecurityRequest
    | BroadcastTime
    | FreezeRequest
)

_PARSERS: Mapping[int, Callable[[Frame], Question]] = {
    Function.SECURITY: parse_security_request,
    Function.BROADCAST_TIME: parse_broadcast_time,
    Function.READ: parse_read_request,
    Function.READ_MORE: parse_read_request,
    Function.READ_ADDRESS: parse_read_address_request,
    Function.WRITE: parse_write_request,
    Function.WRITE_ADDRESS: parse_write_address_request,
    Function.FREEZE: parse_freeze_request,
    Function.CHANGE_BAUD: parse_change_baud_request,
    Function.CHANGE_PASSWORD: parse_change_password_request,
    Function.CLEAR_DEMAND: parse_clear_request,
    Function.CLEAR_METER: parse_clear_request,
    Function.CLEAR_EVENTS: parse_clear_request,
    Function.RELAY: parse_relay_request,
}


def parse_question(frame: Frame) -> Question:
    """What ``frame`` asks, whichever function it is; a 03H question of any identifier is a SecurityRequest.

    A heartbeat (C=00H) is none: see :func:`~meter_gateway.protocol.openings.opening_of`.

    :raises FrameError: an answer, a function nobody knows, or a length that does not fit.
    :raises InvalidBcd: a field that should be digits is not.
    """
    parse = _PARSERS.get(frame.control)
    if parse is None:
        raise FrameError(f"control {frame.control:02X}H is no question")
    return parse(frame)

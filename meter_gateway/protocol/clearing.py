"""Wiping what a meter has counted: demand (19H), everything (1AH), events (1BH).

The platform never sends these by itself; they are here for the bench, and so that a meter's log can be read.
"""

from __future__ import annotations

from dataclasses import dataclass

from meter_gateway.protocol.frames import Frame, FrameError, Function, decode_di, encode_di
from meter_gateway.protocol.relay import Auth

ALL_EVENTS = "FFFFFFFF"

_LENGTHS = {Function.CLEAR_DEMAND: 8, Function.CLEAR_METER: 8, Function.CLEAR_EVENTS: 12}


@dataclass(frozen=True, slots=True)
class ClearRequest:
    """A wipe as the meter reads it; ``di`` names the events of 1BH, :data:`ALL_EVENTS` all of them."""

    address: str
    function: Function
    auth: Auth
    di: str | None = None


def clear_demand_request(address: str, auth: Auth) -> Frame:
    """Set the greatest demand to zero::

        68 | address | 68 | 19 | 08 | PA P0 P1 P2 | C0 C1 C2 C3 | CS | 16

    Source: DL/T 645-2007 function 19H.
    """
    return Frame(address, Function.CLEAR_DEMAND, auth.encode())


def clear_meter_request(address: str, auth: Auth) -> Frame:
    """Set every register of energy, demand and event to zero::

        68 | address | 68 | 1A | 08 | PA P0 P1 P2 | C0 C1 C2 C3 | CS | 16

    Source: DL/T 645-2007 function 1AH.
    """
    return Frame(address, Function.CLEAR_METER, auth.encode())


def clear_events_request(address: str, auth: Auth, di: str = ALL_EVENTS) -> Frame:
    """Wipe the records of one kind of event, or of all::

        68 | address | 68 | 1B | 0C | PA P0 P1 P2 | C0 C1 C2 C3 | DI0..DI3 | CS | 16

    Source: DL/T 645-2007 function 1BH; the order of the fields from a public C# driver.
    :raises FrameError: not a data identifier.
    """
    return Frame(address, Function.CLEAR_EVENTS, auth.encode() + encode_di(di))


def parse_clear_request(frame: Frame) -> ClearRequest:
    """What is to be wiped; for the METER role.

    :raises FrameError: another frame, or a length that does not fit.
    :raises InvalidBcd: the password is not packed decimal.
    """
    for function, length in _LENGTHS.items():
        if frame.control == function and len(frame.data) == length:
            auth = Auth.decode(frame.data[:8])
            return ClearRequest(frame.address, function, auth, decode_di(frame.data[8:]) or None)
    raise FrameError("not a request to clear")

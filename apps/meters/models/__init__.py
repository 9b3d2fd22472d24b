"""Devices and what is asked of them.

A meter is where a landlord hangs a device; the device's own number, and which gateway holds its socket, stand
on unowned tables, because serials are unique across landlords and sockets are nobody's business.
"""

from apps.meters.models.command import Command, CommandEvent, Letter
from apps.meters.models.device import Gateway, Presence, StockedMeter, StockEvent
from apps.meters.models.lease import Lease, Share
from apps.meters.models.meter import Meter
from apps.meters.models.phone_session import PhoneSession
from apps.meters.models.place import Room, Site

__all__ = [
    "Command",
    "CommandEvent",
    "Gateway",
    "Lease",
    "Letter",
    "Meter",
    "PhoneSession",
    "Presence",
    "Room",
    "Share",
    "Site",
    "StockEvent",
    "StockedMeter",
]

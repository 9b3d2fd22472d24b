"""One link, seen from one of its two ends.

Bytes go in, events come out; frames go in, bytes come out. The caller owns the socket, the clock and the
retries, and asks one question at a time. The same class serves the gateway (PLATFORM) and the simulated
meter (METER); the role only decides which direction is sound and what counts as an opening.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import OpeningSeen, is_heartbeat_answer, opening_of
from meter_gateway.protocol.stream import BytesSkipped, FrameRejected, FrameSeen, FrameStream, StreamEvent


class Role(Enum):
    """Which end of the link this is."""

    METER = "meter"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class FrameMisdirected:
    """A sound frame that travels the wrong way: an echo, or a peer that plays our own role."""

    frame: Frame
    raw: bytes


Event = FrameSeen | OpeningSeen | FrameRejected | BytesSkipped | FrameMisdirected


class Connection:
    """The protocol's state for one link. Not thread-safe.

    In the PLATFORM role every opening, heartbeats included, comes out as :class:`OpeningSeen`, and
    :class:`FrameSeen` are answers and pushes. In the METER role :class:`FrameSeen` are questions and the
    platform's heartbeat answers.
    """

    def __init__(self, role: Role, *, preamble: int = 4) -> None:
        self.role = role
        self._preamble = preamble
        self._stream = FrameStream()

    @property
    def waits_for(self) -> str | None:
        """What an incomplete end of the received bytes may become: "text", "frame" or None.

        See :class:`~meter_gateway.protocol.stream.FrameStream` for when to :meth:`flush`.
        """
        return self._stream.waits_for

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes in any portion; return what they amount to, in order. Never raises for bad bytes."""
        return [self._seen_from_here(event) for event in self._stream.receive(data)]

    def flush(self) -> list[Event]:
        """The link fell silent: give up waiting for the rest of what is pending."""
        return [self._seen_from_here(event) for event in self._stream.flush()]

    def send(self, frame: Frame) -> bytes:
        """The bytes for the link, with this link's preamble."""
        return frame.encode(self._preamble)

    def _seen_from_here(self, event: StreamEvent) -> Event:
        if not isinstance(event, FrameSeen):
            return event
        if self.role is Role.PLATFORM:
            opening = opening_of(event.frame, event.raw)
            if opening:
                return opening
            sound = event.frame.is_from_meter and not is_heartbeat_answer(event.frame)
        else:
            sound = not event.frame.is_from_meter or is_heartbeat_answer(event.frame)
        return event if sound else FrameMisdirected(event.frame, event.raw)

"""One input through everything that reads bytes of a meter."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.describe import describe, describe_opening, describe_rejected
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import OpeningSeen
from meter_gateway.protocol.replies import parse_reply
from meter_gateway.protocol.stream import (
    MAX_PENDING,
    BytesSkipped,
    FrameRejected,
    FrameSeen,
    FrameStream,
    StreamEvent,
)

_QUIET = bytes((0xFE, 0xFF))


def parse(stream: FrameStream, portions: Iterable[bytes]) -> list[StreamEvent]:
    """What the stream makes of the portions, to the last byte."""
    events: list[StreamEvent] = []
    for portion in portions:
        events += stream.receive(portion)
    return events + stream.flush()


def glance(portions: list[bytes]) -> list[StreamEvent]:
    """The quick half of :func:`trial`: nothing raises, nothing waits, each frame encodes to its own bytes."""
    stream = FrameStream()
    events = parse(stream, portions)
    assert not stream.pending
    for event in events:
        if isinstance(event, FrameSeen):
            assert event.frame.encode(preamble=0) == event.raw
            parse_reply(event.frame)
    return events


def trial(raw: bytes, portions: list[bytes]) -> list[StreamEvent]:
    """Everything that must hold for any bytes; returns the events.

    Nothing raises, and nothing waits after a flush; no byte is lost but for preambles, and none is told twice
    but where a sound frame lies inside the evidence of a damaged one; the frames do not depend on where the
    link cuts; each frame encodes to its own bytes; every event can be put into words.

    :raises AssertionError: one of these does not hold.
    """
    stream = FrameStream()
    events = parse(stream, portions)
    assert stream.pending == b""
    told = b"".join(event.raw for event in events)
    sent, heard = Counter(raw.translate(None, _QUIET)), Counter(told.translate(None, _QUIET))
    assert sent <= heard, "bytes were lost"
    if not any(isinstance(event, FrameRejected) for event in events):
        assert sent == heard, "bytes were told twice"
    frames = [event.frame for event in events if isinstance(event, FrameSeen)]
    if len(portions) > 1:
        assert frames == [
            event.frame for event in parse(FrameStream(), [raw]) if isinstance(event, FrameSeen)
        ]
    for event in events:
        _hold(event)
    return events


def both_roles(raw: bytes, portions: list[bytes]) -> None:
    """The same bytes at either end of a link."""
    for role in Role:
        link = Connection(role)
        for portion in portions:
            link.receive(portion)
        link.flush()
        assert link.waits_for is None


def waiting(portions: list[bytes]) -> int:
    """The most bytes that ever waited.

    :raises AssertionError: more than the stream promises.
    """
    stream, most = FrameStream(), 0
    for portion in portions:
        stream.receive(portion)
        most = max(most, len(stream.pending))
    assert most <= MAX_PENDING
    return most


def _hold(event: StreamEvent) -> None:
    if isinstance(event, FrameSeen):
        assert event.frame.encode(preamble=0) == event.raw
        assert Frame.decode(event.raw) == event.frame
        json.dumps(describe(event.frame))
    elif isinstance(event, OpeningSeen):
        json.dumps(describe_opening(event))
    elif isinstance(event, FrameRejected):
        json.dumps(describe_rejected(event))
    else:
        assert isinstance(event, BytesSkipped)
        assert event.raw

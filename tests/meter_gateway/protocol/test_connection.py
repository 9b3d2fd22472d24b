"""Both ends of a link, plugged into each other."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from meter_gateway.protocol import answers, reads
from meter_gateway.protocol.connection import Connection, Event, FrameMisdirected, Role
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import Opening, OpeningSeen
from meter_gateway.protocol.replies import ReadReply, matches, parse_reply
from meter_gateway.protocol.stream import FrameSeen

METER = "000000219998"


class Link:
    """A platform and a meter with nothing between them."""

    def __init__(self) -> None:
        self.platform = Connection(Role.PLATFORM)
        self.meter = Connection(Role.METER, preamble=0)

    def up(self, frame: Frame) -> Sequence[Event]:
        return self.platform.receive(self.meter.send(frame))

    def down(self, frame: Frame) -> Sequence[Event]:
        return self.meter.receive(self.platform.send(frame))


def only_frame(events: Sequence[Event]) -> Frame:
    (event,) = events
    assert isinstance(event, FrameSeen)
    return event.frame


def test_a_question_reaches_the_meter_and_its_answer_the_platform() -> None:
    link = Link()
    asked = only_frame(link.down(reads.read_request(METER, "00900100")))
    told = only_frame(link.up(answers.answer_read(asked, Decimal("12.50"))))
    reply = parse_reply(told)
    assert matches(reads.read_request(METER, "00900100"), told)
    assert isinstance(reply, ReadReply)
    assert reply.value == Decimal("12.50")


def test_a_heartbeat_is_an_opening_and_its_answer_reaches_the_meter() -> None:
    link = Link()
    (opening,) = link.up(reads.heartbeat_frame(METER, 22))
    assert isinstance(opening, OpeningSeen)
    assert (opening.shape, opening.serial, opening.signal_quality) == (Opening.HEARTBEAT, METER, 22)
    assert opening.answer is not None
    assert only_frame(link.down(opening.answer)) == reads.heartbeat_answer(METER)


def test_a_registration_is_an_opening_with_its_bytes() -> None:
    link = Link()
    frame = reads.registration_frame(METER)
    assert link.up(frame) == [OpeningSeen(Opening.REGISTRATION, METER, frame.encode(0))]


def test_a_frame_that_travels_the_wrong_way_is_told_as_such() -> None:
    link = Link()
    question = reads.read_request(METER, "00900100")
    answer = answers.answer_read(question, Decimal(0))
    assert link.platform.receive(question.encode(0)) == [FrameMisdirected(question, question.encode(0))]
    assert link.meter.receive(answer.encode(0)) == [FrameMisdirected(answer, answer.encode(0))]


def test_a_text_is_told_when_the_link_falls_silent() -> None:
    platform = Connection(Role.PLATFORM)
    assert platform.receive(b"860000000000001") == []
    assert platform.waits_for == "text"
    assert platform.flush() == [OpeningSeen(Opening.TEXT, "860000000000001", b"860000000000001")]
    assert platform.waits_for is None

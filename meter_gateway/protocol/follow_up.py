"""Answers too long for one frame: the platform joins their parts, the meter cuts them."""

from __future__ import annotations

from meter_gateway.protocol.answers import answer_read_raw, refuse
from meter_gateway.protocol.frames import Frame, FrameError, Function
from meter_gateway.protocol.reads import read_more_request, read_request
from meter_gateway.protocol.replies import ReadReply, Refused, matches, parse_reply, read_reply

PART = 200 - 5
"""Bytes of value in one frame: the standard's 200 less identifier and sequence number."""


MOST_OPEN = 64


class OutOfOrder(FrameError):
    """This frame is not the part that was asked for."""


class LongRead:
    """The platform's side of one read, whatever number of frames the answer takes.

    ::

        11  DI           B1  DI value...                first part, more to come
        12  DI 01        B2  DI value... 01             next part, still more
        12  DI 02        92  DI value... 02             last part

    Ask :attr:`question`, give its answer to :meth:`take`, and go on until that returns a reply. Not
    thread-safe; holds at most 64 KiB.

    Source: DL/T 645-2007 functions 11H and 12H; vectors B1H, B2H and 92H.
    """

    def __init__(self, address: str, di: str) -> None:
        self._address = address
        self._di = di
        self._parts: list[bytes] = []

    @property
    def question(self) -> Frame:
        """What to ask now.

        :raises FrameError: more than 255 follow-ups.
        """
        if not self._parts:
            return read_request(self._address, self._di)
        return read_more_request(self._address, self._di, len(self._parts))

    def take(self, answer: Frame) -> ReadReply | Refused | None:
        """The whole reply, decoded, or None while parts are missing.

        :raises OutOfOrder: not the answer to :attr:`question`; nothing has changed, the caller may go on
            waiting.
        """
        reply = parse_reply(answer)
        if not matches(self.question, answer) or not isinstance(reply, ReadReply | Refused):
            raise OutOfOrder(f"not part {len(self._parts)} of {self._di}")
        if isinstance(reply, Refused):
            return reply
        self._parts.append(reply.raw)
        if reply.more:
            return None
        return read_reply(reply.address, self._di, b"".join(self._parts))


class Overheard:
    """Joins long answers as they pass by, for whoever reads a link's log and asked nothing.

    Keeps at most :data:`MOST_OPEN` unfinished answers, the oldest goes first.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[bytes]] = {}

    def take(self, reply: ReadReply) -> ReadReply | None:
        """The whole reply once ``reply`` is its last part; None for any other, and for a gap."""
        key = (reply.address, reply.di)
        parts = self._open.pop(key, [])
        if reply.sequence != len(parts):
            return None
        parts.append(reply.raw)
        if reply.more:
            self._open[key] = parts
            if len(self._open) > MOST_OPEN:
                del self._open[next(iter(self._open))]
            return None
        return read_reply(reply.address, reply.di, b"".join(parts))


def answer_long(request: Frame, raw: bytes, *, part: int = PART, address: str | None = None) -> Frame:
    """The part of ``raw`` that a read (11H) or follow-up (12H) asks for; for the METER role.

    A part that is not there is refused as "no_such_data".

    :raises FrameError: another question.
    """
    if request.function not in (Function.READ, Function.READ_MORE) or request.is_from_meter:
        raise FrameError("not a read request")
    sequence = int.from_bytes(request.data[4:5], "little") if request.function == Function.READ_MORE else 0
    start = sequence * part
    if request.function == Function.READ_MORE and (sequence == 0 or start >= len(raw)):
        return refuse(request, "no_such_data", address=address)
    end = start + part
    return answer_read_raw(request, raw[start:end], more=end < len(raw), address=address)

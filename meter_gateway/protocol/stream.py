"""From the bytes of a link to frames, whatever noise, splits and glue the link adds.

The rules, each learnt from a vector:

* a frame starts at a 68H that has another 68H seven bytes on and an address between, and ends where its
  length byte says. Neither 68H nor 16H is ever searched for alone: both occur inside data, address and sum;
* any number of FEH before a frame and of FFH after it is normal and not worth a word;
* a candidate whose end byte or sum is wrong is rejected and the scan goes on **one byte** later; it never
  means "wait for more";
* a good start that is not complete yet is kept until the rest comes or the caller says :meth:`flush`.

Work per received byte is bounded: every position is judged as a start at most once, and a start is at most
267 bytes long. What waits is bounded by :data:`MAX_PENDING`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from meter_gateway.protocol.foreign import NotForeign, foreign_length, recognise
from meter_gateway.protocol.frames import (
    END,
    FILLER,
    HEADER_LENGTH,
    OVERHEAD,
    PREAMBLE,
    START,
    Frame,
    FrameError,
    Truncated,
    checksum,
)
from meter_gateway.protocol.openings import KEEPALIVES, TEXT_BYTES, TEXT_MAX, TEXT_MIN, Opening, OpeningSeen

MAX_PENDING = 512
_SLICE = 128
_LINE_END = b"\r\n"
_HEAD = re.compile(rb"\x68(?:[%b\xaa]{6})\x68" % b"".join(b"\\x%d0-\\x%d9" % (n, n) for n in range(10)))
"""68H, six bytes that make an address, 68H."""


@dataclass(frozen=True, slots=True)
class FrameSeen:
    """A sound frame; ``raw`` are its bytes from 68H to 16H."""

    frame: Frame
    raw: bytes


@dataclass(frozen=True, slots=True)
class FrameRejected:
    """Something that began like a frame and was none; ``raw`` are its bytes, as evidence.

    One damaged frame gives one rejection, even where its bytes hold further false starts.
    """

    error: FrameError
    raw: bytes


@dataclass(frozen=True, slots=True)
class BytesSkipped:
    """Bytes that belong to no frame, in the order received. Where they are split depends on the link."""

    raw: bytes


StreamEvent = FrameSeen | FrameRejected | BytesSkipped | OpeningSeen


class _Wait(Exception):
    """The bytes at hand may still become something; not before ``needed`` of them are pending."""

    def __init__(self, needed: int) -> None:
        self.needed = needed


class FrameStream:
    """The reading end of one link. Not thread-safe; give every link its own.

    Shapes A and B of an opening are frames and come out as :class:`FrameSeen`; ask
    :func:`~meter_gateway.protocol.openings.opening_of`. Texts and foreign link frames come out as
    :class:`OpeningSeen`.

    A registration text without CR LF has no end of its own: it is told at the next frame, or at
    :meth:`flush`. A caller should flush about half a second after the last byte while :attr:`waits_for` is
    "text", and after its longer frame time-out (5 s on 4G) while it is "frame".
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._events: list[StreamEvent] = []
        self._skipped = bytearray()
        self._evidence = 0
        self._needed = 0
        self._openings_possible = True
        self._at_boundary = True

    @property
    def pending(self) -> bytes:
        """What is kept because it may be the start of something; at most :data:`MAX_PENDING` bytes."""
        return bytes(self._buffer)

    @property
    def waits_for(self) -> str | None:
        """ "text", "frame", or None when nothing is pending."""
        if not self._buffer:
            return None
        return "frame" if self._buffer[0] == START else "text"

    def receive(self, data: bytes) -> list[StreamEvent]:
        """Take what the link gave, in any portion, and return what it amounts to, in order."""
        for start in range(0, len(data), _SLICE):
            self._buffer += data[start : start + _SLICE]
            if len(self._buffer) >= self._needed:
                self._scan(final=False)
        return self._take_events()

    def flush(self) -> list[StreamEvent]:
        """The link fell silent: judge what is pending as it stands. Afterwards nothing is pending."""
        self._scan(final=True)
        return self._take_events()

    def _take_events(self) -> list[StreamEvent]:
        self._report_skipped()
        events, self._events = self._events, []
        return events

    def _scan(self, *, final: bool) -> None:
        position = self._needed = 0
        try:
            while position < len(self._buffer):
                position += self._step(position, final)
        except _Wait as wait:
            self._needed = wait.needed
        del self._buffer[:position]

    def _step(self, at: int, final: bool) -> int:
        """Judge the byte at ``at``; return how many bytes are done with.

        :raises _Wait: more bytes are needed, and ``final`` is not set.
        """
        byte = self._buffer[at]
        if byte == START:
            taken = self._try_frame(at, final) or self._try_foreign(at, final)
            if taken:
                return taken
        elif byte in (PREAMBLE, FILLER) and not self._skipped and not self._evidence:
            return 1
        if byte in TEXT_BYTES and self._at_boundary:
            taken = self._try_text(at, final)
            if taken:
                return taken
        self._skip(byte)
        return 1

    def _try_frame(self, at: int, final: bool) -> int:
        here = len(self._buffer) - at
        if here < HEADER_LENGTH:
            plausible = plausible_head(self._buffer[at:])
            if plausible is False:
                return 0
            if not final:
                raise _Wait(HEADER_LENGTH if plausible else here + 1)
            if plausible:
                self._reject(Truncated(f"{here} bytes of a frame's head came"), bytes(self._buffer[at:]))
            return 0
        if not _HEAD.match(self._buffer, at):
            return 0
        length = OVERHEAD + self._buffer[at + 9]
        if here < length:
            if not final:
                raise _Wait(length)
            self._reject(Truncated(f"{here} of {length} bytes came"), bytes(self._buffer[at:]))
            return 0
        if self._evidence and not self._is_sound(at, length):
            return 0
        raw = bytes(self._buffer[at : at + length])
        try:
            frame = Frame.decode(raw)
        except FrameError as error:
            self._reject(error, raw)
            return 0
        self._accept(FrameSeen(frame, raw))
        self._openings_possible = False
        return length

    def _is_sound(self, at: int, length: int) -> bool:
        """Whether end byte and sum fit: the cheap way where a rejection would not be told of anyway.

        A damaged frame full of 68H would otherwise cost an error object for each of its bytes.
        """
        end = at + length - 1
        if self._buffer[end] != END:
            return False
        return checksum(self._buffer[at : end - 1]) == self._buffer[end - 1]

    def _try_foreign(self, at: int, final: bool) -> int:
        """A link frame of another protocol; looked for only before the first 645 frame."""
        if not (self._at_boundary and self._openings_possible):
            return 0
        try:
            length = foreign_length(bytes(self._buffer[at : at + 6]))
            if length is None or len(self._buffer) - at < length:
                if final:
                    return 0
                raise _Wait(length or len(self._buffer) - at + 1)
            seen = recognise(bytes(self._buffer[at : at + length]))
        except NotForeign:
            return 0
        self._accept(seen)
        return length

    def _try_text(self, at: int, final: bool) -> int:
        """A registration text or a module's keep-alive; only where nothing precedes it but sound matter."""
        end = at
        limit = min(len(self._buffer), at + TEXT_MAX + 1)
        while end < limit and self._buffer[end] in TEXT_BYTES:
            if self._buffer[end] == START and end > at:
                head = plausible_head(self._buffer[end : end + HEADER_LENGTH])
                if head:
                    break
                if head is None and not final:
                    raise _Wait(len(self._buffer) - at + 1)
            end += 1
        text = bytes(self._buffer[at:end])
        if len(text) > TEXT_MAX:
            return 0
        if end == len(self._buffer) and not final:
            raise _Wait(end - at + 1)
        tail = 0
        if end < len(self._buffer):
            after = bytes(self._buffer[end : end + 2])
            if after == _LINE_END[: len(after)]:
                if len(after) < 2 and not final:
                    raise _Wait(end - at + 2)
                tail = len(after)
            elif after[0] not in (PREAMBLE, START):
                return 0
        known = text in KEEPALIVES
        if not known and not (self._openings_possible and len(text) >= TEXT_MIN):
            return 0
        raw = bytes(self._buffer[at : end + tail])
        if known:
            self._accept(OpeningSeen(Opening.KEEPALIVE, "", raw))
        else:
            self._accept(OpeningSeen(Opening.TEXT, text.decode("ascii"), raw))
        return end - at + tail

    def _accept(self, event: StreamEvent) -> None:
        self._report_skipped()
        self._events.append(event)
        self._evidence = 0
        self._at_boundary = True

    def _reject(self, error: FrameError, raw: bytes) -> None:
        """Tell of a damaged frame, unless it lies inside one that was told of already."""
        self._at_boundary = False
        self._openings_possible = False
        if self._evidence:
            return
        self._report_skipped()
        self._events.append(FrameRejected(error, raw))
        self._evidence = len(raw)

    def _skip(self, byte: int) -> None:
        self._at_boundary = False
        if self._evidence:
            self._evidence -= 1
        else:
            self._skipped.append(byte)

    def _report_skipped(self) -> None:
        if self._skipped:
            self._events.append(BytesSkipped(bytes(self._skipped)))
            self._skipped.clear()


def plausible_head(head: bytes | bytearray) -> bool | None:
    """Whether these (up to ten) bytes, the first of them 68H, start a frame; None while too few are here.

    True needs both 68H and an address between them; a head that is already impossible is False at once.
    """
    for byte in head[1:7]:
        if byte != 0xAA and (byte >> 4 > 9 or byte & 0x0F > 9):
            return False
    if len(head) < 8:
        return None
    return head[7] == START

"""Real frames kept as test cases, without telling whose they are.

One file per gateway start, one JSON object per line: ``session``, ``direction`` (in, out), ``at`` (seconds
since the start of the file) and either ``raw``, the frame's bytes as hex with a good checksum, or ``note``.
"""

import json
import logging
from collections import OrderedDict
from pathlib import Path

from meter_gateway.protocol.bcd import encode_address
from meter_gateway.protocol.connection import Event
from meter_gateway.protocol.frames import Frame, FrameError, Function
from meter_gateway.protocol.openings import OpeningSeen
from meter_gateway.protocol.stream import FrameRejected, FrameSeen

log = logging.getLogger(__name__)

SIZE_LIMIT = 8 * 1024 * 1024
NAMES_REMEMBERED = 20_000
_OPEN_FUNCTIONS = (Function.HEARTBEAT, Function.READ, Function.READ_MORE, Function.READ_ADDRESS)
_PERSONAL_DIS = ("0400040E", "04000F01", "04000F02")


class Capture:
    """Writes until its file has ``size_limit`` bytes, or the disk refuses; then it is silent.

    A meter's address becomes a running number, in the head and wherever it stands in the data. Customer
    numbers, passwords and the bodies of acts (recharge, relay, write) become zeros.
    """

    def __init__(
        self, directory: Path, gateway: str, started_at: float, *, size_limit: int = SIZE_LIMIT
    ) -> None:
        self._started_at = started_at
        self._left = size_limit
        self._names: OrderedDict[str, str] = OrderedDict()
        self._count = 0
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{gateway}.jsonl"
        self._file = self.path.open("w", encoding="utf-8", buffering=1 << 16)

    def event(self, session: str, event: Event, now: float) -> None:
        """Note what came in."""
        match event:
            case FrameSeen(frame=frame):
                self._note(session, "in", now, raw=self.masked(frame).encode(0).hex().upper())
            case OpeningSeen(raw=raw) if not event.shape.is_foreign and len(raw) >= 12 and raw[:1] == b"\x68":
                self._note(session, "in", now, raw=self.masked(Frame.decode(raw)).encode(0).hex().upper())
            case OpeningSeen():
                self._note(session, "in", now, note=f"opening {event.shape.value}, {len(event.raw)} bytes")
            case FrameRejected():
                what = f"rejected ({type(event.error).__name__}), {len(event.raw)} bytes"
                self._note(session, "in", now, note=what)
            case _:
                self._note(session, "in", now, note=f"{type(event).__name__}, {len(event.raw)} bytes")

    def written(self, session: str, raw: bytes, now: float) -> None:
        """Note one frame that went out."""
        try:
            frame = Frame.decode(raw)
        except FrameError:
            self._note(session, "out", now, note=f"refusal, {len(raw)} bytes")
        else:
            self._note(session, "out", now, raw=self.masked(frame).encode(0).hex().upper())

    def masked(self, frame: Frame) -> Frame:
        """The frame as the file may hold it."""
        name = self._name(frame.address)
        data = frame.data
        if frame.is_error:
            return Frame(name, frame.control, data)
        kept = 4 if frame.di is not None else 0
        if frame.function not in _OPEN_FUNCTIONS or frame.di in _PERSONAL_DIS:
            data = data[:kept] + bytes(len(data) - kept)
        elif name != frame.address:
            data = data.replace(encode_address(frame.address), encode_address(name))
        return Frame(name, frame.control, data)

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            log.warning("the capture could not be closed: %s", error.strerror)

    def _name(self, address: str) -> str:
        if not address.isdigit() or address == "999999999999":
            return address
        if address not in self._names:
            self._count += 1
            self._names[address] = f"{self._count:012d}"
            if len(self._names) > NAMES_REMEMBERED:
                self._names.popitem(last=False)
        return self._names[address]

    def _note(self, session: str, direction: str, now: float, **what: str) -> None:
        if self._left <= 0:
            return
        at = round(now - self._started_at, 3)
        line = json.dumps({"session": session[:8], "direction": direction, "at": at, **what}) + "\n"
        self._left -= len(line)
        if self._left <= 0:
            log.info("the capture is full")
            self._finish()
            return
        try:
            self._file.write(line)
        except OSError as error:
            log.warning("the capture stops: %s", error.strerror)
            self._finish()

    def _finish(self) -> None:
        self._left = 0
        self.close()

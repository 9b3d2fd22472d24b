"""What can be made to go wrong on a meter's links, and what one answer meets there. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from enum import Enum


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of one link; zero means healthy.

    * `mute_answers`: the next n questions are worked on and their answers dropped;
    * `delay_answers_s`: every answer leaves this much later;
    * `drop_after_credit`: the next n credits are applied and the link is cut instead of answering;
    * `hold_after_credit_s`: a credit is answered at once, and for this long afterwards nothing else is;
    * `repeat_answers`: the next n answers are sent twice;
    * `stall_s`: a lost segment, as TCP shows it: the next answer and all that follows wait this long, once;
    * `split_bytes`: every answer leaves in pieces of so many bytes;
    * `reset_answers`: instead of the next n answers the connection is reset (RST);
    * `half_open`: n times the meter forgets its connection without a word and dials another;
    * `late_answers`: the next n answers are held back and leave with whatever is sent after them.
    """

    mute_answers: int = 0
    delay_answers_s: float = 0.0
    drop_after_credit: int = 0
    hold_after_credit_s: float = 0.0
    repeat_answers: int = 0
    stall_s: float = 0.0
    split_bytes: int = 0
    reset_answers: int = 0
    half_open: int = 0
    late_answers: int = 0

    def as_json(self) -> dict[str, int | float]:
        """As the control port shows them."""
        return asdict(self)


HEALTHY = Faults()
TIMED = ("delay_answers_s", "hold_after_credit_s", "stall_s")
COUNTED = tuple(field.name for field in fields(Faults) if field.name not in TIMED)
OF_BLUETOOTH = ("mute_answers", "delay_answers_s", "repeat_answers", "late_answers")
"""What a phone can meet; it has no socket that could be reset."""


class Way(Enum):
    """What becomes of one answer."""

    SENT = "sent"
    LOST = "lost"
    KEPT_BACK = "kept back"
    CUT = "the link is cut instead"
    RESET = "the connection is reset instead"
    FORGOTTEN = "the connection is forgotten instead"


@dataclass(frozen=True, slots=True)
class Fate:
    """What one answer meets. `hold_s` is for what follows it, `met` names the faults for the counters."""

    way: Way = Way.SENT
    times: int = 1
    wait_s: float = 0.0
    hold_s: float = 0.0
    piece: int = 0
    met: tuple[str, ...] = ()


def fate(faults: Faults, *, credited: bool) -> tuple[Fate, Faults]:
    """What the next answer meets, and the faults in force afterwards."""
    for name, way in _INSTEAD:
        if getattr(faults, name) and (credited or name != "drop_after_credit"):
            return Fate(way, met=(name,)), replace(faults, **{name: getattr(faults, name) - 1})
    met = [name for name in ("delay_answers_s", "stall_s", "split_bytes") if getattr(faults, name)]
    hold_s = faults.hold_after_credit_s if credited else 0.0
    if hold_s:
        met.append("hold_after_credit_s")
    after = replace(faults, stall_s=0.0)
    times = 1
    if faults.repeat_answers:
        met.append("repeat_answers")
        times, after = 2, replace(after, repeat_answers=faults.repeat_answers - 1)
    wait_s = faults.delay_answers_s + faults.stall_s
    return Fate(Way.SENT, times, wait_s, hold_s, faults.split_bytes, tuple(met)), after


_INSTEAD = (
    ("drop_after_credit", Way.CUT),
    ("reset_answers", Way.RESET),
    ("half_open", Way.FORGOTTEN),
    ("mute_answers", Way.LOST),
    ("late_answers", Way.KEPT_BACK),
)


def pieces(raw: bytes, size: int) -> list[bytes]:
    """`raw` in pieces of at most `size` bytes; whole where that is 0."""
    return [raw[at : at + size] for at in range(0, len(raw), size)] if size else [raw]

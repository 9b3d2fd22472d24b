"""The vectors file, read once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.stream import FrameSeen, FrameStream

WRONG_DI_IN_FILE = {"FEFEFEFEFEFEFEFEFE682000510503266891083333353383333333F216": "00020000"}
"""See vectors/SOURCE.md."""


@dataclass(frozen=True)
class Vector:
    raw: bytes
    direction: str
    address: str
    control: int
    di: str
    decoded: str
    sound: bool

    def __str__(self) -> str:
        return f"{self.control:02X} {self.di} {self.decoded[:50]}"


def _load() -> list[Vector]:
    entries = json.loads((Path(__file__).parent / "vectors" / "dlt645.json").read_text(encoding="utf-8"))
    return [
        Vector(
            raw=bytes.fromhex(entry["hex"]),
            direction=entry["direction"],
            address=entry["address"],
            control=int(entry["control"], 16),
            di=WRONG_DI_IN_FILE.get(entry["hex"], entry["di"]),
            decoded=entry["decoded"],
            sound=entry["checksum_ok"],
        )
        for entry in entries
    ]


VECTORS = _load()
SOUND = [vector for vector in VECTORS if vector.sound]


def frame_of(vector: Vector) -> Frame:
    """The one frame among the vector's bytes."""
    stream = FrameStream()
    (seen,) = (e for e in stream.receive(vector.raw) + stream.flush() if isinstance(e, FrameSeen))
    return seen.frame


def sound(control: int) -> list[Vector]:
    """The sound vectors with this control byte."""
    return [vector for vector in SOUND if vector.control == control]

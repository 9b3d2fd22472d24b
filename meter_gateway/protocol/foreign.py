"""Link frames of two other Chinese metering protocols, recognised by their checks and nothing more.

A concentrator or a newer meter that was pointed at this gateway by mistake gets a refusal that names what it
speaks, instead of a silent stream of noise.
"""

from __future__ import annotations

from meter_gateway.protocol.frames import END, START
from meter_gateway.protocol.openings import Opening, OpeningSeen

MAX_LENGTH = 255
"""Longer frames than this are not link frames; they stay noise."""


class NotForeign(ValueError):
    """These bytes are no link frame of a protocol known here."""


def foreign_length(head: bytes) -> int | None:
    """How many bytes the foreign frame at the start of ``head`` has; None while too few bytes are here.

    :raises NotForeign: the head belongs to neither protocol.
    """
    if len(head) >= 6 and head[5] == START and head[1:3] == head[3:5]:
        return _within_bounds(8 + (int.from_bytes(head[1:3], "little") >> 2))
    if len(head) >= 4 and head[3] & 0x37 == 0x01:
        return _within_bounds(2 + (int.from_bytes(head[1:3], "little") & 0x3FFF))
    if len(head) >= 6:
        raise NotForeign
    return None


def recognise(raw: bytes) -> OpeningSeen:
    """The foreign opening that ``raw`` is; exactly one frame.

    ::

        376.1    68 | L L | L L | 68 | C A1 A1 A2 A2 A3 AFN ... | CS | 16     L = length x4 + 2, low first
        698.45   68 | L L | C | AF SA .. CA | HCS HCS | APDU .. | FCS FCS | 16   FCS over L .. APDU

    Sources: Q/GDW 376.1 section 6 and DL/T 698.45 section 6; login frames of the wire notes, section 4 F, G.
    :raises NotForeign: a length, end byte or check does not fit.
    """
    if len(raw) >= 16 and raw[-1] == END:
        if raw[5] == START and raw[1:3] == raw[3:5] and sum(raw[6:-2]) & 0xFF == raw[-2]:
            return OpeningSeen(Opening.Q_GDW_376_1, (raw[8:6:-1] + raw[10:8:-1]).hex().upper(), raw)
        if raw[5] != START and _crc16_x25(raw[1:-3]) == int.from_bytes(raw[-3:-1], "little"):
            width = (raw[4] & 0x0F) + 1
            return OpeningSeen(Opening.DLT_698_45, raw[5 : 5 + width][::-1].hex().upper(), raw)
    raise NotForeign


def _within_bounds(length: int) -> int:
    if not 16 <= length <= MAX_LENGTH:
        raise NotForeign
    return length


def _crc16_x25(data: bytes) -> int:
    """CRC-16/X.25 (reflected 1021H, start and final FFFFH), the frame check of DL/T 698.45."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc ^ 0xFFFF

"""A polite no to a device that speaks another protocol, where that protocol has a word for it."""

from meter_gateway.protocol.frames import END, START, checksum
from meter_gateway.protocol.openings import Opening, OpeningSeen

_ANSWER_CONTROL = 0x0B
_LENGTH_FIELD = bytes.fromhex("32003200")
_WANTS_CONFIRMATION = 0x10


def polite_no(opening: OpeningSeen) -> bytes | None:
    """What to send before the socket is closed; None where closing it says enough.

    ::

        376.1    68 | 32 00 32 00 | 68 | 0B | A (5, as asked) | 00 | SEQ | 00 00 | 02 00 | CS | 16
                 AFN 00 F2, "all denied"; the answer "all confirmed" differs in F1 (01 00)

    Source: Q/GDW 376.1 section 5.1; the confirmation's bytes are those of the wire notes, section 4 F.
    """
    if opening.shape is not Opening.Q_GDW_376_1:
        return None
    body = bytes((_ANSWER_CONTROL,)) + opening.raw[7:12]
    body += bytes((0, opening.raw[13] & ~_WANTS_CONFIRMATION, 0, 0, 2, 0))
    return bytes((START,)) + _LENGTH_FIELD + bytes((START,)) + body + bytes((checksum(body), END))

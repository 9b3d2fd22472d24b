"""What to do next about a meter: `decide(state, event) → (state, effects)`, pure.

No clock, no query, no socket. A service loads the state under the meter's row lock, decides, and writes the
effects conditionally through one store; the same functions run under simulation.
"""

from apps.meters.deciding.decision import decide
from apps.meters.deciding.events import (
    Answered,
    BeginBody,
    CancelAsked,
    CloseLetter,
    Effect,
    Event,
    Finished,
    Freeze,
    LearnCount,
    LoggedIn,
    NoteClock,
    NotePower,
    NoteReading,
    NoteShown,
    PhoneCame,
    PhoneSaid,
    Probe,
    Resolved,
    Rung,
    SendLetter,
    Step,
    StoreFrames,
    Thaw,
)
from apps.meters.deciding.state import LetterOut, MeterState, OpenCommand, Session

__all__ = [
    "decide",
    "MeterState",
    "OpenCommand",
    "LetterOut",
    "Session",
    "Event",
    "Rung",
    "LoggedIn",
    "Answered",
    "CancelAsked",
    "PhoneCame",
    "PhoneSaid",
    "Probe",
    "Resolved",
    "Effect",
    "Step",
    "StoreFrames",
    "SendLetter",
    "CloseLetter",
    "LearnCount",
    "NoteShown",
    "Freeze",
    "Thaw",
    "NotePower",
    "NoteClock",
    "BeginBody",
    "NoteReading",
    "Finished",
]

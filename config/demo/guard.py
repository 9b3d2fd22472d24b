"""Clear away what a killed supervisor left behind.

Run by path, with a pipe from the supervisor as standard input. It reads lines `+PID` and `-PID` (a service's
session began, or ended) until the pipe closes. If sessions are left then, the supervisor died without
stopping them: each is asked to end, and what is still there after GRACE_S seconds is ended by force. It
inherits the lock of the demo's directory, so that no new demo starts before this is done.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_S = 6.0


def read_sessions() -> set[int]:
    """The sessions still there when the pipe closes."""
    sessions: set[int] = set()
    for line in sys.stdin:
        if line.startswith("+"):
            sessions.add(int(line[1:]))
        else:
            sessions.discard(int(line[1:]))
    return sessions


def signal_all(sessions: set[int], number: int) -> set[int]:
    """Send the signal to every session and return those that are still there."""
    left = set()
    for session in sessions:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(session, number)
            left.add(session)
    return left


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    left = signal_all(read_sessions(), signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = signal_all(left, 0)
    signal_all(left, signal.SIGKILL)


if __name__ == "__main__":
    main()

"""Clear away what a killed supervisor left behind.

Run by path as `guard.py GRACE_S`, with a pipe from the supervisor as standard input. It reads lines `+PID`
and `-PID` (a service's session began, or ended) until the pipe closes. If sessions are left then, the
supervisor died without stopping them: each is asked to end, and what is still there after the grace is ended
by force. It inherits the lock of the demo's directory, so that no new demo starts before this is done.
"""

import contextlib
import os
import signal
import sys
import time


def read_sessions() -> set[int]:
    """The sessions still there when the pipe closes."""
    sessions: set[int] = set()
    for line in sys.stdin:
        if line.startswith("+"):
            sessions.add(int(line[1:]))
        else:
            sessions.discard(int(line[1:]))
    return sessions


def signal_all(sessions: set[int], number: int) -> None:
    """Send the signal to every process of the sessions."""
    for session in sessions:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(session, number)


def living(sessions: set[int]) -> set[int]:
    """The sessions in which somebody still lives; the dead whom nobody has buried yet do not count."""
    if not os.path.isdir("/proc/self"):
        return {session for session in sessions if _exists(session)}
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file,
            ):
                # The name in brackets may hold spaces and brackets of its own.
                state, _parent, group = file.read().rpartition(")")[2].split()[:3]
                if state not in "ZX":
                    found.add(int(group))
    return sessions & found


def _exists(session: int) -> bool:
    try:
        os.killpg(session, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main(grace_s: float) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    left = read_sessions()
    signal_all(left, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while (left := living(left)) and time.monotonic() < deadline:
        time.sleep(0.05)
    signal_all(left, signal.SIGKILL)


if __name__ == "__main__":
    main(float(sys.argv[1]))

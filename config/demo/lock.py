"""One user at a time for a directory: a lock the kernel gives back however its holder ends."""

import fcntl
import os
import time
from pathlib import Path

from config.demo.processes import CannotStart


def try_lock(path: Path) -> int | None:
    """Lock the file and return its descriptor, or None if somebody holds it.

    The lock lasts until the descriptor and every inherited copy of it are closed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def lock_for_demo(var: Path, *, patience_s: float = 15.0) -> int:
    """Lock `var` for this demo and return the descriptor.

    A demo that was killed is cleared away by its guard, which keeps the lock so long: we wait for that.

    :raises CannotStart: if a living demo works there.
    """
    path = var / "lock"
    deadline = time.monotonic() + patience_s
    while (descriptor := try_lock(path)) is None:
        holder = _holder(path)
        if _is_alive(holder) or time.monotonic() > deadline:
            raise CannotStart(
                f"Another demo (process {holder}) uses {var}: stop it, or choose another --var."
            )
        time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _holder(path: Path) -> int:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return 0


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

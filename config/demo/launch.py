"""Become another program in such a way that it dies with its parent and, if asked, is not root.

Run by path as a program of its own (`launch.py PARENT SIGNAL AS -- program arguments…`), because code between
fork and exec of a process with threads is not safe, and because `unshare` wants a process with one thread.
Nothing but the standard library is imported: it runs under `python -I -S`.

AS is one of

* `self`: whoever we are;
* `namespace`: root steps into a user namespace of its own, in which it is `nobody`. PostgreSQL refuses to run
  as root; this way it is not root, and yet its files stay root's and closed home directories stay readable;
* `nobody`: root gives its rights up for good, for machines that forbid namespaces.
"""

import contextlib
import ctypes
import os
import signal
import sys

NOBODY = 65534
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


def become_nobody_in_a_namespace() -> None:
    """Enter a new user namespace in which our present user is called `nobody`.

    :raises OSError: if the machine forbids it.
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are forbidden here")
    for name, line in (
        ("setgroups", "deny"),
        ("gid_map", f"{NOBODY} {outer_gid} 1"),
        ("uid_map", f"{NOBODY} {outer_uid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(line)


def become_nobody() -> None:
    """Give up root for good; every directory on the way to the program must then be readable by all."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def die_with(parent: int, death_signal: int) -> None:
    """Ask the kernel to send us the signal when our parent dies; does nothing on other systems.

    It must come after every change of user, which wipes it.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def find(program: str) -> str:
    """The path of the program: as it stands, or the first of that name in PATH."""
    if "/" in program:
        return program
    candidates = [os.path.join(directory, program) for directory in os.get_exec_path()]
    return next((path for path in candidates if os.access(path, os.X_OK)), program)


def main(arguments: list[str]) -> None:
    parent, death_signal, who, separator, *program = arguments
    if separator != "--" or not program:
        raise SystemExit("usage: launch.py PARENT SIGNAL self|namespace|nobody -- program arguments…")
    # Found beforehand: nobody may not be able to read what Python would still import for the search.
    path = find(program[0])
    if who == "namespace":
        become_nobody_in_a_namespace()
    elif who == "nobody":
        become_nobody()
    die_with(int(parent), int(death_signal))
    with contextlib.suppress(ValueError):
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execve(path, program, os.environ)  # noqa: S606


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.stderr.write(f"{' '.join(sys.argv[5:6]) or 'launch'}: {error}\n")
        raise SystemExit(126) from None

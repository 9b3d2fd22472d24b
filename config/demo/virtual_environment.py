"""Make `.venv` hold exactly what the lock names: `make setup`.

Run by path with any Python from 3.11 on; nothing but the standard library is there yet. Done again only when
the lock changed. A `.venv` whose making was cut short is made anew.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BOOTSTRAP = ROOT / "requirements" / "bootstrap.txt"
LOCK = ROOT / "requirements" / "dev.txt"
DONE = VENV / ".made-from"
HALF_MADE = VENV / ".half-made"


class SetupFailed(Exception):
    """One sentence for the person who said `make`."""


def main() -> int:
    try:
        if not is_up_to_date():
            make()
    except (SetupFailed, OSError) as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    return 0


def is_up_to_date() -> bool:
    return not HALF_MADE.exists() and _runs() and DONE.is_file() and DONE.read_text("utf-8") == fingerprint()


def fingerprint() -> str:
    """What `.venv` is made from."""
    return hashlib.sha256(LOCK.read_bytes() + BOOTSTRAP.read_bytes()).hexdigest() + "\n"


def make() -> None:
    """Make or complete `.venv`.

    :raises SetupFailed: if this Python cannot make it, or a package cannot be had.
    """
    if HALF_MADE.exists() or (VENV.exists() and not _runs()):
        shutil.rmtree(VENV)
    VENV.mkdir(exist_ok=True)
    if not DONE.exists():
        HALF_MADE.touch()
    if not _runs():
        sys.stdout.write(f"Making .venv with Python {sys.version.split()[0]}.\n")
        # Not sys.executable: with the old .venv activated, that is the one just deleted.
        _run(
            [getattr(sys, "_base_executable", sys.executable), "-m", "venv", str(VENV)],
            "The virtual environment could not be made (on Debian and Ubuntu install python3-venv)",
        )
    sys.stdout.write("Installing the packages of requirements/dev.txt.\n")
    sys.stdout.flush()
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    _run([*pip, "--require-hashes", "-r", str(BOOTSTRAP)], "uv could not be installed")
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
    packages = ["--require-hashes", "-r", str(LOCK)]
    try:
        _run([*uv, *packages], "uv could not install requirements/dev.txt")
    except SetupFailed:
        # Slower, but pip knows the indexes and certificates of its own configuration, which uv does not read.
        sys.stdout.write("uv could not; trying pip, which takes about a minute.\n")
        sys.stdout.flush()
        _run([*pip, *packages], "A package of requirements/dev.txt could not be installed")
    DONE.write_text(fingerprint(), "utf-8")
    HALF_MADE.unlink(missing_ok=True)


def _runs() -> bool:
    try:
        probe = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
        return subprocess.run([PYTHON, "-c", probe], capture_output=True).returncode == 0
    except OSError:
        return False


def _run(command: list[str], sentence: str) -> None:
    try:
        environment = {
            "UV_SYSTEM_CERTS": "true",
            **os.environ,
        }  # uv trusts whom the machine trusts, as pip does
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    except OSError as error:
        raise SetupFailed(f"{sentence}: {error}.") from None
    if done.returncode != 0:
        raise SetupFailed(f"{sentence}: {_reason(done.stderr + done.stdout)}")


def _reason(output: str) -> str:
    """The most telling two lines of what pip or uv said."""
    said = [line.strip(" ×╰─▶│") for line in output.splitlines()]
    lines = [re.sub(r" \(from versions: .*?\)", "", line) for line in said if line]
    first = next((n for n, line in enumerate(lines) if line.lower().startswith("error")), 0)
    return " ".join(lines[first : first + 2])[:400] or "it gave no reason."


if __name__ == "__main__":
    raise SystemExit(main())

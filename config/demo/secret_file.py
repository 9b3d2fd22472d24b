"""The passwords of the embedded servers: made once, kept beside the data, readable by their owner only."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from config.demo.processes import CannotStart


@dataclass(frozen=True)
class Secrets:
    superuser_password: str
    owner_password: str
    app_password: str
    secret_key: str


def load_secrets(var: Path, *, data_exists: bool) -> Secrets:
    """Return the secrets of `var/secrets.json`; make them if there are none yet.

    :param data_exists: a database was already made with these passwords, so new ones would not open it.
    :raises CannotStart: if that database's passwords are lost.
    """
    path = var / "secrets.json"
    names = {field.name for field in fields(Secrets)}
    try:
        stored = json.loads(path.read_text("utf-8"))
        if isinstance(stored, dict) and all(
            isinstance(stored.get(name), str) and stored[name] for name in names
        ):
            return Secrets(**{name: stored[name] for name in names})
    except (OSError, ValueError):
        pass
    if data_exists:
        raise CannotStart(
            f"The passwords in {path} are missing or damaged, and the data beside them cannot be opened"
            f" without them: put the file back, or delete {var} to begin anew."
        )
    made = Secrets(**{name: secrets.token_urlsafe(32) for name in names})
    write_private(path, json.dumps(asdict(made), indent=1))
    return made


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)

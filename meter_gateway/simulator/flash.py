"""The flash chips of a fleet: one small JSON file per meter, replaced whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

from meter_gateway.simulator.snapshot import FlashUnreadable, from_texts, to_texts
from meter_gateway.simulator.state import Flash


class FlashFailed(RuntimeError):
    """The disk under the flash refused to be written; the message is one sentence."""


class FlashDirectory:
    """Files `<serial>.json` in one directory; one process at a time may write it."""

    def __init__(self, directory: Path) -> None:
        """Makes the directory if need be; raises `OSError`."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    def load(self, serial: str) -> Flash | None:
        """The snapshot of a meter, None if it has none; raises `FlashUnreadable`, naming the file."""
        path = self._path(serial)
        try:
            flash = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            raise FlashUnreadable(f"{path} cannot be read ({problem})") from None
        if not isinstance(flash, dict):
            raise FlashUnreadable(f"{path} does not hold a meter")
        try:
            return from_texts(flash)
        except FlashUnreadable as problem:
            raise FlashUnreadable(f"Meter {serial}: {problem}") from None

    def save(self, serial: str, flash: Flash, *, durable: bool) -> None:
        """Replace the snapshot atomically; `durable` also waits until the disk has it (credits, relay).

        Raises `FlashFailed`; the older snapshot is then still there.
        """
        try:
            self._replace(self._path(serial), flash, durable=durable)
        except OSError as problem:
            raise FlashFailed(f"The flash of meter {serial} cannot be written: {problem}.") from None

    def _replace(self, path: Path, flash: Flash, *, durable: bool) -> None:
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(json.dumps(to_texts(flash)))
            if durable:
                file.flush()
                os.fsync(file.fileno())
        fresh.replace(path)
        if durable:
            self._sync_directory()

    def _sync_directory(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _path(self, serial: str) -> Path:
        return self._directory / f"{serial}.json"

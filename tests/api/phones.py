"""What was sent to phones."""

import json
import re
from pathlib import Path


class Outbox:
    """The messages that left, oldest first."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sent(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines()]

    def code_for(self, phone: str) -> str:
        """The newest code sent to this phone."""
        texts = [message["text"] for message in self.sent() if message["phone"] == phone]
        return re.findall(r"\b(\d{6})\b", texts[-1])[0]

"""What a long run has done so far, on disk: it may be ended at any time and goes on where it was."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "var" / "simulation"


@dataclass
class Portion:
    """What became of some worlds. Rests are in seconds of virtual time; `cpu_s` is processor time."""

    first: int
    count: int
    cpu_s: float
    violations: list[tuple[int, str]] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    rests: list[int] = field(default_factory=list)
    orders: int = 0
    frozen: int = 0
    events: int = 0
    on_postgres: int = 0


class Progress:
    """One line of JSON a portion, in a file named after the code that ran: other code begins anew."""

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        self.path = folder / f"{name}-{code_digest()}.jsonl"
        self.done: dict[tuple[int, int], Portion] = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                portion = read(line)
                if portion is not None:
                    self.done[(portion.first, portion.count)] = portion

    def add(self, portion: Portion) -> None:
        self.done[(portion.first, portion.count)] = portion
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(vars(portion)) + "\n")

    def finish(self) -> None:
        """The run is over: the next one of this name begins at its first seed."""
        self.path.unlink(missing_ok=True)


def read(line: str) -> Portion | None:
    """Return the portion in a line, None for one that was torn when its run was ended."""
    try:
        values = json.loads(line)
        values["fired"], values["checked"] = Counter(values["fired"]), Counter(values["checked"])
        values["violations"] = [(seed, text) for seed, text in values["violations"]]
        return Portion(**values)
    except (ValueError, KeyError, TypeError):
        return None


def code_digest() -> str:
    """Return what names the code under simulation: product, gateway and the simulation itself."""
    digest = hashlib.blake2b(digest_size=6)
    for folder in ("apps", "meter_gateway", "tests/simulation"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()

"""Inputs that grow towards new branches of the codec; ``python -m tests.fuzz.guided -atheris_runs=N``.

Needs ``atheris`` (requirements/fuzz.in). A crash ends the process with the input and status other than 0.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["meter_gateway.protocol"]):
    from tests.fuzz.inputs import LONGEST, SEEDS
    from tests.fuzz.trial import both_roles, trial


def one_input(data: bytes) -> None:
    """The first byte says how the link cuts the rest."""
    size = data[0] % 64 + 1 if data else 1
    raw = data[1:]
    cut = [raw[at : at + size] for at in range(0, len(raw), size)]
    trial(raw, cut)
    both_roles(raw, cut)


def main() -> None:
    """Start from the vectors; what is found on the way is thrown away with the directory."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, raw in enumerate(SEEDS):
            Path(corpus, str(number)).write_bytes(b"\xff" + raw)
        arguments = [sys.argv[0], *sys.argv[1:], f"-max_len={LONGEST}", "-verbosity=0", corpus]
        atheris.Setup(arguments, one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

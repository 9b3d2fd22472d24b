"""A long run in one process: what broke, how slow the worst was, how the memory grew."""

from __future__ import annotations

import gc
import random
import resource
import sys
import time
from dataclasses import dataclass, field

from meter_gateway.protocol.stream import FrameStream
from tests.fuzz.inputs import LONGEST, SLOW, inputs, portions
from tests.fuzz.trial import both_roles, glance, parse, trial, waiting

_FULL_EACH = 8
_TIMED_EACH = 50
_REPEATS = 5


@dataclass
class Outcome:
    """What one process saw. Times are of its own CPU, so that a busy machine does not count."""

    count: int = 0
    events: int = 0
    worst_ms: float = 0.0
    worst: bytes = b""
    grown_kib: int = 0
    grown_blocks: int = 0
    crashes: list[str] = field(default_factory=list)


def run(count: int, seed: int) -> Outcome:
    """``count`` inputs, one after another."""
    outcome = Outcome()
    dice = random.Random(~seed)
    source = inputs(seed)
    for block in SLOW:
        _time(block, outcome)
    gc.collect()
    resident, blocks = _resident_kib(), sys.getallocatedblocks()
    for number in range(count):
        raw = next(source)
        cut = portions(raw, dice)
        try:
            if number % _FULL_EACH:
                outcome.events += len(glance(cut))
            else:
                outcome.events += len(trial(raw, cut))
                both_roles(raw, cut)
                waiting(cut)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is a find
            outcome.crashes.append(f"{type(problem).__name__} {problem}: {raw.hex()}")
        if number % _TIMED_EACH == 0:
            _time(raw, outcome)
        if number == min(count // 10, 100_000):
            # The interpreter's own caches are warm by now: what comes after this is a leak.
            gc.collect()
            resident, blocks = _resident_kib(), sys.getallocatedblocks()
        outcome.count += 1
    gc.collect()
    outcome.grown_blocks = sys.getallocatedblocks() - blocks
    outcome.grown_kib = max(0, _resident_kib() - resident)
    return outcome


def _time(raw: bytes, outcome: Outcome) -> None:
    """The best of a few runs over 512 bytes made of ``raw``, in one portion, counts as what they cost."""
    if not raw:
        return
    block = (raw * (LONGEST // len(raw) + 1))[:LONGEST]
    best = _cpu_ms(block)
    for _ in range(_REPEATS):
        if best <= outcome.worst_ms:
            return
        best = min(best, _cpu_ms(block))
    if best > outcome.worst_ms:
        outcome.worst_ms, outcome.worst = best, block


def _cpu_ms(block: bytes) -> float:
    stream = FrameStream()
    gc.disable()
    started = time.thread_time_ns()
    parse(stream, [block])
    spent = time.thread_time_ns() - started
    gc.enable()
    return spent / 1e6


def _resident_kib() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize() // 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

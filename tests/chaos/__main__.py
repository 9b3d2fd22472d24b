"""`python -m tests.chaos --kills N`: kill −9 of one process after another while renters go on paying.

The whole system on real processes, 200 meters behind a proxy that delays, splits, doubles, stalls and resets.
Each process kind dies N times. Then the network heals, the payers stop, and within 30 seconds of the last
kill (or `--within`) every paid order must be in its meter, exactly once: the payers' history, the ledger and
the meters' registers are held against each other. Status 1 if anything is lost, doubled or late.
"""

import argparse
import contextlib
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.demo.processes import free_port
from tests.arguments import at_least
from tests.chaos.checker import verdicts
from tests.chaos.killing import KINDS, Killer
from tests.chaos.payers import History, Payer, Watcher
from tests.chaos.proxy import FATES, FaultProxy
from tests.journeys.system import START_WITHIN_S, System, wait_for

LANDLORDS = 3
PAYERS = 6
WATCHERS = 3
CONVERGE_WITHIN_S = 30.0
GIVE_UP_AFTER_S = 240.0
# Kills: in a shorter run on a busy machine chance decides whether each of these was met.
LONG_RUN = 40
LEAST_FREE_BYTES = 2 * 1024**3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=at_least(1), default=2, help="how often each kind of process dies")
    parser.add_argument("--meters", type=at_least(1), default=200)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--only", choices=KINDS, action="append", help="kill these kinds alone")
    parser.add_argument(
        "--within",
        type=float,
        default=CONVERGE_WITHIN_S,
        metavar="SECONDS",
        help="how soon after the last kill everything must have arrived",
    )
    parser.add_argument(
        "--var", type=Path, help="keep data, logs and the payers' history in this new directory"
    )
    wish = parser.parse_args()
    # Whoever stops a run, by Ctrl-C or with its process, leaves no processes and no directory behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    kinds = tuple(wish.only or KINDS)
    if wish.var is not None:
        wish.var.mkdir(parents=True)
        return play(wish.var, wish.kills, wish.meters, wish.seed, kinds, wish.within)
    with tempfile.TemporaryDirectory(prefix="chaos-") as var:
        return play(Path(var), wish.kills, wish.meters, wish.seed, kinds, wish.within)


def play(var: Path, kills: int, meters: int, seed: int, kinds: tuple[str, ...], within_s: float) -> int:
    gateway_port = free_port()
    proxy = FaultProxy(gateway_port=gateway_port, seed=seed)
    proxy.is_healed = True
    say("seed", str(seed))
    with contextlib.ExitStack() as ending:
        ending.callback(proxy.stop)
        system = System(
            var,
            DEMO_GATEWAY_PORT=str(gateway_port),
            DEMO_METERS_DIAL=f"127.0.0.1:{proxy.start()}",
            DEMO_METERS_EACH=str(-(-meters // LANDLORDS)),
            DEMO_FSYNC="yes",
        )
        ending.callback(system.stop)
        return _storm(system, proxy, kills, seed, kinds, within_s)


def _storm(
    system: System, proxy: FaultProxy, kills: int, seed: int, kinds: tuple[str, ...], within_s: float
) -> int:
    stranger = system.stranger
    fleet = stranger.demo["meters"]
    wait_for("the fleet's dial", lambda: _all_connected(system, len(fleet)), START_WITHIN_S)
    before = {meter["serial"]: stranger.register(meter) for meter in fleet}
    history = History(system.var / "history.jsonl")
    payers = [Payer(stranger.demo, fleet[number::PAYERS], history, seed + number) for number in range(PAYERS)]
    watchers = [Watcher(stranger.demo, history, share, WATCHERS) for share in range(WATCHERS)]
    say("running", f"{len(fleet)} meters, {PAYERS} payers, {kills} kills of each of {', '.join(kinds)}")
    began = time.monotonic()
    proxy.is_healed = False
    for thread in (*payers, *watchers):
        thread.start()
    killer = Killer(system, history, random.Random(seed))
    progress = Progress(system.var, kills, history, killer, began)
    killer.storm(kinds, kills, progress.tell)
    in_storm = sum(order.state == "credited" for order in history.paid())
    proxy.heal()
    for payer in payers:
        payer.go_home()
    took_s = _converge(history, payers, killer.last_at)
    for watcher in watchers:
        watcher.stop()
    wrong = verdicts(system, history, before)
    if took_s is None or took_s > within_s:
        wrong.append(f"not converged within {within_s:g} s of the last kill")
    wrong += [f"a payer gave up: {payer.failed}" for payer in payers if payer.failed]
    wrong += _shows_nothing(killer, proxy, in_storm)
    _report(history, killer, proxy, in_storm, killer.last_at - began, took_s, wrong)
    return 1 if wrong else 0


@dataclass
class Progress:
    """A line a round: how far, how long still, what is on its way, and what grows."""

    var: Path
    rounds: int
    history: History
    killer: Killer
    began: float

    def tell(self, number: int) -> None:
        """:raises SystemExit: if the disk is nearly full, before the database says so in a way of its own."""
        spent_s = time.monotonic() - self.began
        left_s = spent_s / number * (self.rounds - number)
        paid, open_ = len(self.history.paid()), len(self.history.unfinished())
        say(
            f"round {number:>3}",
            f"of {self.rounds}: {len(self.killer.killed)} kills in {spent_s:.0f} s, about {left_s:.0f} s to go;"
            f" {paid} paid orders, {open_} on their way; {_megabytes(self.var)} MB on disk",
        )
        if shutil.disk_usage(self.var).free < LEAST_FREE_BYTES:
            raise SystemExit("chaos: less than 2 GB are free on the disk; make room and begin again")


def _megabytes(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        # What a database deletes meanwhile takes no room.
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total // 1024**2


def _shows_nothing(killer: Killer, proxy: FaultProxy, in_storm: int) -> list[str]:
    """Return why this run would have held whatever the system did; none if it was a storm."""
    sentences = []
    if 2 * killer.met_open < len(killer.killed):
        sentences.append(f"only {killer.met_open} of {len(killer.killed)} kills met an order on its way")
    if len(killer.killed) < LONG_RUN:
        return sentences
    if not killer.met_delivering:
        sentences.append("no kill met a credit that was being brought to its meter")
    if not in_storm:
        sentences.append("no credit arrived during the storm, so no kill came after one")
    silent = sorted(set(FATES) - {""} - set(proxy.fired))
    if silent:
        sentences.append(f"these link faults never fired: {', '.join(silent)}")
    return sentences


def _all_connected(system: System, expected: int) -> bool:
    seen: list[dict[str, Any]] = system.stranger.story.bench.call(
        "GET", f"{system.demo()['simulator_url']}/meters"
    )[1]
    return sum(bool(meter["connected"]) for meter in seen) >= expected


def _converge(history: History, payers: list[Payer], since: float) -> float | None:
    deadline = since + GIVE_UP_AFTER_S
    while time.monotonic() < deadline:
        if not any(payer.is_alive() for payer in payers) and not history.unfinished():
            return time.monotonic() - since
        time.sleep(0.1)
    return None


def _report(
    history: History,
    killer: Killer,
    proxy: FaultProxy,
    in_storm: int,
    took_s: float,
    converged_s: float | None,
    wrong: list[str],
) -> None:
    ended = Counter(order.state or "unseen" for order in history.paid())
    kills = len(killer.killed)
    say(
        "kills",
        f"{kills} in {took_s:.0f} s, {killer.in_pairs} pairs at once: {_counts(Counter(killer.killed))}",
    )
    say(
        "kills met",
        f"{killer.met_open} times orders on their way, {killer.met_delivering} a credit being brought",
    )
    say("link faults", f"{proxy.fired.total()}: {_counts(proxy.fired)}")
    say("paid orders", f"{len(history.paid())}: {_counts(ended)}; {in_storm} arrived during the storm")
    say("converged", "never" if converged_s is None else f"{converged_s:.1f} s after the last kill")
    say("lost", str(sum("lost" in sentence for sentence in wrong)))
    say("doubled", str(sum("doubled" in sentence for sentence in wrong)))
    say("wrong", str(len(wrong)))
    for sentence in wrong[:40]:
        say("", sentence)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def say(what: str, sentence: str) -> None:
    sys.stdout.write(f"{what:<13} {sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

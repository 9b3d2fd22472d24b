"""`python -m tests.chaos --kills N`: kill −9 of one process after another while renters go on paying.

The whole system on real processes, 200 meters behind a proxy that delays, splits, doubles, stalls and resets.
Each process kind dies N times. Then the network heals, the payers stop, and within 30 seconds of the last kill
every paid order must be in its meter, exactly once: the payers' history, the ledger and the meters' registers
are held against each other. Status 1 if anything is lost, doubled or late.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from config.demo.processes import free_port
from tests.chaos.checker import verdicts
from tests.chaos.payers import History, Payer, Watcher
from tests.chaos.proxy import FaultProxy
from tests.journeys.system import System, wait_for

KINDS = ("postgres", "valkey", "web", "worker", "beat", "sweeper", "gateway", "simulator")
LANDLORDS = 3
PAYERS = 6
WATCHERS = 3
CONVERGE_WITHIN_S = 30.0
GIVE_UP_AFTER_S = 240.0
BETWEEN_KILLS_S = (1.0, 9.0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=2, help="how often each kind of process dies")
    parser.add_argument("--meters", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--only", choices=KINDS, action="append", help="kill these kinds alone")
    parser.add_argument(
        "--var", type=Path, help="keep data, logs and the payers' history in this new directory"
    )
    wish = parser.parse_args()
    kinds = tuple(wish.only or KINDS)
    if wish.var is not None:
        wish.var.mkdir(parents=True)
        return play(wish.var, wish.kills, wish.meters, wish.seed, kinds)
    with tempfile.TemporaryDirectory(prefix="chaos-") as var:
        return play(Path(var), wish.kills, wish.meters, wish.seed, kinds)


def play(var: Path, kills: int, meters: int, seed: int, kinds: tuple[str, ...]) -> int:
    gateway_port = free_port()
    proxy = FaultProxy(gateway_port=gateway_port, seed=seed)
    proxy.is_healed = True
    say("seed", str(seed))
    system = System(
        var,
        DEMO_GATEWAY_PORT=str(gateway_port),
        DEMO_METERS_DIAL=f"127.0.0.1:{proxy.start()}",
        DEMO_METERS_EACH=str(-(-meters // LANDLORDS)),
        DEMO_FSYNC="yes",
    )
    try:
        return _storm(system, proxy, kills, seed, kinds)
    finally:
        system.stop()
        proxy.stop()


def _storm(system: System, proxy: FaultProxy, kills: int, seed: int, kinds: tuple[str, ...]) -> int:
    stranger = system.stranger
    fleet = stranger.demo["meters"]
    wait_for("the fleet's dial", lambda: _all_connected(system, len(fleet)), 60)
    before = {meter["serial"]: stranger.register(meter) for meter in fleet}
    history = History(system.var / "history.jsonl")
    payers = [Payer(stranger.demo, fleet[number::PAYERS], history, seed + number) for number in range(PAYERS)]
    watchers = [Watcher(stranger.demo, history, share, WATCHERS) for share in range(WATCHERS)]
    say("running", f"{len(fleet)} meters, {PAYERS} payers, {kills} kills of each of {', '.join(kinds)}")
    began = time.monotonic()
    proxy.is_healed = False
    for thread in (*payers, *watchers):
        thread.start()
    killed = _kill(system, kills, random.Random(seed), kinds, history)
    proxy.heal()
    for payer in payers:
        payer.go_home()
    last_kill = time.monotonic()
    took_s = _converge(history, payers, last_kill)
    for watcher in watchers:
        watcher.stop()
    wrong = verdicts(system, history, before)
    if took_s is None or took_s > CONVERGE_WITHIN_S:
        wrong.append(f"not converged within {CONVERGE_WITHIN_S:g} s of the last kill")
    _report(history, killed, proxy, last_kill - began, took_s, wrong)
    return 1 if wrong else 0


def _all_connected(system: System, expected: int) -> bool:
    seen: list[dict[str, Any]] = system.stranger.story.bench.call(
        "GET", f"{system.demo()['simulator_url']}/meters"
    )[1]
    return sum(bool(meter["connected"]) for meter in seen) >= expected


def _kill(
    system: System, kills: int, chance: random.Random, kinds: tuple[str, ...], history: History
) -> Counter[str]:
    killed: Counter[str] = Counter()
    for number in range(kills):
        for kind in chance.sample(kinds, len(kinds)):
            time.sleep(chance.uniform(*BETWEEN_KILLS_S))
            history.write("kill", kind=kind)
            system.kill(kind)
            killed[kind] += 1
        paid, open_ = len(history.paid()), len(history.unfinished())
        say(f"round {number + 1:>3}", f"{killed.total()} kills, {paid} paid orders, {open_} not yet proved")
    return killed


def _converge(history: History, payers: list[Payer], since: float) -> float | None:
    deadline = since + GIVE_UP_AFTER_S
    while time.monotonic() < deadline:
        if not any(payer.is_alive() for payer in payers) and not history.unfinished():
            return time.monotonic() - since
        time.sleep(0.1)
    return None


def _report(
    history: History,
    killed: Counter[str],
    proxy: FaultProxy,
    took_s: float,
    converged_s: float | None,
    wrong: list[str],
) -> None:
    ended = Counter(order.state or "unseen" for order in history.paid())
    say("kills", f"{killed.total()} in {took_s:.0f} s: {_counts(killed)}")
    say("link faults", _counts(proxy.fired) or "none")
    say("paid orders", f"{len(history.paid())}: {_counts(ended)}")
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

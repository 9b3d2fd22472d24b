"""Planted mistakes: each is put into a copy of the tree, and the simulation must find it by itself.

`python -m tests.simulation.mutants [NAME …]`. A substitution whose anchor is not there exactly once is an error:
the code has moved on and the mutant has to be written anew.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.progress import FOLDER, ROOT, code_digest

SEEDS = 1_000
CREDIT, POWER, TURN, DECISION = (
    f"apps/meters/deciding/{name}.py" for name in ("credit", "power", "turn", "decision")
)
PHONE = "apps/meters/deciding/phone.py"
STATE, STORE = "apps/meters/deciding/state.py", "apps/meters/memory_store.py"
PAYMENTS, RECHARGES, PRICING = (
    "apps/income/services/payments.py", "apps/income/services/recharges.py", "apps/tariffs/pricing.py"
)  # fmt: skip
DELIVERY, QUESTIONS = "apps/meters/services/delivery.py", "meter_gateway/questions.py"


@dataclass(frozen=True)
class Mutant:
    name: str
    words: str
    changes: tuple[tuple[str, str, str], ...]
    store: str = "memory"


MUTANTS = (
    Mutant(
        "resend-blindly",
        "after a time-out the bytes go out again without a look at the meter",
        (
            (
                CREDIT,
                "        turn.send(command, Purpose.PROVE, _proof_reads(turn, command))\n",
                "        _deliver(turn, command.id)\n",
            ),
        ),
    ),
    Mutant(
        "renumber-on-retry",
        "a retry takes the count it reads and adds one",
        (
            (
                CREDIT,
                "    if command.number is not None:\n        turn.send(",
                "    if command.attempts % 2 and command.number is not None:\n        turn.send(",
            ),
            (
                CREDIT,
                "    if (\n        state.count is None\n",
                "    if command.number is not None and state.count is not None:\n"
                "        from dataclasses import replace\n"
                "        turn.state = replace(state, count=state.count + 1)\n"
                "        _number_and_send(turn, command)\n"
                "        return\n"
                "    if (\n        state.count is None\n",
            ),
            (
                STORE,
                "command is None or command.number is not None or command.state != CommandState.QUEUED",
                "command is None",
            ),
        ),
    ),
    Mutant(
        "duplicate-is-failure",
        "«repeated recharge» ends the credit as refused, and the money goes back",
        (
            (
                CREDIT,
                "    verdict = judge(command, evidence)\n",
                '    if "repeated_recharge" in evidence.refusal:\n'
                '        turn.step(command, CommandState.REJECTED, "refused")\n'
                "        return\n"
                "    verdict = judge(command, evidence)\n",
            ),
        ),
    ),
    Mutant(
        "duplicate-is-done",
        "«repeated recharge» is proof enough that ours is in the meter",
        (
            (
                CREDIT,
                "    verdict = judge(command, evidence)\n",
                '    repeated = "repeated_recharge" in evidence.refusal\n'
                "    verdict = Verdict.APPLIED if repeated else judge(command, evidence)\n",
            ),
        ),
    ),
    Mutant(
        "reset-after-recharge",
        "a reset that waited takes away what a recharge has brought meanwhile",
        ((CREDIT, "    _retire_resets(turn)\n", ""),),
    ),
    Mutant(
        "refund-after-timeouts",
        "three letters without an answer end the credit, and the money goes back",
        (
            (
                TURN,
                "            self.step(command, CommandState.UNKNOWN, note, retry_in_s=pause, facts=facts)\n",
                "            gone = command.kind == CommandKind.CREDIT and command.attempts >= 3\n"
                "            to = CommandState.REJECTED if gone else CommandState.UNKNOWN\n"
                "            self.step(command, to, note, retry_in_s=pause, facts=facts)\n",
            ),
        ),
    ),
    Mutant(
        "no-epoch-fence",
        "a gateway writes letters of any epoch",
        ((QUESTIONS, "        if errand.ask.epoch != self.epoch:\n", "        if False:\n"),),
    ),
    Mutant(
        "renumber-after-crash",
        "a lost connection forgets that the credit has a number",
        (
            (
                STORE,
                "        self.meters[meter_id] = state.with_command(\n            effect.command_id,\n"
                "            state=effect.to,\n",
                '        if effect.note == "the connection was lost":\n'
                "            state = state.with_command(effect.command_id, number=None)\n"
                "            effect = replace(effect, to=CommandState.QUEUED)\n"
                "        self.meters[meter_id] = state.with_command(\n            effect.command_id,\n"
                "            state=effect.to,\n",
            ),
        ),
    ),
    Mutant(
        "believe-the-ack",
        "the meter's yes is proof enough",
        (
            (
                CREDIT,
                "    verdict = judge(command, evidence)\n",
                "    verdict = Verdict.APPLIED if evidence.was_accepted else judge(command, evidence)\n",
            ),
        ),
    ),
    Mutant(
        "post-before-commit",
        "the letter leaves before the transaction has committed",
        (
            (
                DELIVERY,
                "                write(store, meter_id, effects, event.now)\n",
                "                for letter in [effect for effect in effects if isinstance(effect, d.SendLetter)]:\n"
                "                    post.ask(before.serial, letter)\n"
                "                write(store, meter_id, effects, event.now)\n",
            ),
        ),
    ),
    Mutant(
        "stale-off-after-on",
        "an older wish is not retired by a newer one",
        ((POWER, "command.wish_version >= turn.state.wish_version", "command.wish_version >= 0"),),
    ),
    Mutant(
        "switch-lives-for-ever",
        "a switch carries an expiry ten years away",
        ((POWER, "FRAME_LIFE = timedelta(minutes=2)", "FRAME_LIFE = timedelta(days=3650)"),),
    ),
    Mutant(
        "open-is-off",
        "an empty meter's open relay counts as switched off",
        ((POWER, "    return not command.wants_on and is_empty", "    return False and is_empty"),),
    ),
    Mutant(
        "two-at-once",
        "a second credit starts while the first is unproved",
        (
            (
                STATE,
                "        return min(credits, key=lambda c: (c.number is None,",
                "        return min(credits, key=lambda c: (c.state == CommandState.UNKNOWN,",
            ),
        ),
    ),
    Mutant(
        "no-purchased-energy-check",
        "the count alone says that a credit is not in the meter",
        ((CREDIT, " and evidence.purchased_kwh == before:", ":"),),
    ),
    Mutant(
        "count-is-proof",
        "the count alone says that the credit with our number is ours",
        (
            (
                CREDIT,
                "return Verdict.APPLIED if grew_by_ours else Verdict.CONTRADICTION",
                "return Verdict.APPLIED",
            ),
        ),
    ),
    Mutant(
        "late-answer-is-current",
        "an answer to a closed question is taken for one to the question that is open",
        (
            (DECISION, "    if letter is not None and not current:\n", "    if False:\n"),
            (DECISION, "    if not current and command.number is None:\n", "    if False:\n"),
        ),
    ),
    Mutant(
        "torn-read-is-proof",
        "registers read while a phone brought the credit are believed",
        (("apps/meters/frames.py", "profile.purchased_di, profile.count_di]", "profile.purchased_di]"),),
    ),
    Mutant(
        "phone-is-proof",
        "what a phone says of a credit is proof enough",
        (
            (
                PHONE,
                "        to = CommandState.ACKED if may_be_acked else command.state\n",
                "        to = CommandState.DONE if may_be_acked else command.state\n",
            ),
        ),
    ),
    Mutant(
        "phone-failure-refund",
        "a refusal that a phone tells of ends the credit, and the money goes back",
        (
            (
                PHONE,
                '        turn.step(command, command.state, f"a phone says the meter {what}", '
                "retry_in_s=0, facts=facts)\n",
                "        refused = said.refusal and command.state in (CommandState.SENT, CommandState.UNKNOWN)\n"
                "        turn.step(command, CommandState.REJECTED if refused else command.state, what)\n",
            ),
        ),
    ),
    Mutant(
        "cancel-after-stored",
        "a credit is cancelled though its bytes are stored",
        (
            (
                CREDIT,
                "    if command is None or command.number is not None or command.state != CommandState.QUEUED:\n",
                "    if command is None or command.state not in (CommandState.QUEUED, CommandState.UNKNOWN):\n",
            ),
        ),
    ),
    Mutant(
        "notify-without-unique",
        "a notify that comes again buys once more",
        (
            (
                PAYMENTS,
                "    if payment.state == PaymentState.PAID:\n        return (\n",
                "    if payment.state == PaymentState.PAID and payment.transaction_id != result.transaction_id:\n"
                "        return (\n",
            ),
            (PAYMENTS, "(pk=payment.pk, state__in=sorted(allowed))", "(pk=payment.pk)"),
            (
                RECHARGES,
                "        command=command,\n        payment=payment,\n",
                "        command=command,\n"
                "        payment=None if payment and Recharge.objects.filter(payment=payment).exists() else payment,\n"
                "        former_payment=payment,\n",
            ),
        ),
        "postgres",
    ),
    Mutant(
        "remainder-rounded-up",
        "what a recharge leaves over is carried rounded up to the fen",
        (
            (
                PRICING,
                "_EXACT.subtract(available_yuan, spent_yuan).quantize(LEDGER_STEP_YUAN)",
                "_EXACT.subtract(available_yuan, spent_yuan).quantize(FEN_YUAN, rounding=ROUND_UP)",
            ),
        ),
        "postgres",
    ),
)


def plant(mutant: Mutant, tree: Path) -> None:
    """Make the mutant's changes in a copy of the tree; raises LookupError if an anchor is not there once."""
    for name, anchor, instead in mutant.changes:
        path = tree / name
        text = path.read_text(encoding="utf-8")
        if text.count(anchor) != 1:
            raise LookupError(f"{mutant.name}: anchor found {text.count(anchor)} times in {name}")
        path.write_text(text.replace(anchor, instead), encoding="utf-8")


def copy_tree(to: Path) -> None:
    """Copy what the simulation needs."""
    leave = shutil.ignore_patterns("__pycache__", "static", "templates", "node_modules")
    for name in ("apps", "config", "meter_gateway"):
        shutil.copytree(ROOT / name, to / name, ignore=leave)
    (to / "tests").mkdir()
    for name in ("__init__.py", "cleaning.py"):
        shutil.copy(ROOT / "tests" / name, to / "tests")
    shutil.copytree(ROOT / "tests" / "simulation", to / "tests" / "simulation", ignore=leave)


def hunt(mutant: Mutant, seeds: int) -> tuple[str, float]:
    """Run seeds in a copy of the tree until one finds something; returns what it said, or nothing, and the seconds."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copy_tree(Path(folder))
        plant(mutant, Path(folder))
        hunter = [
            "nice",
            sys.executable,
            "-m",
            "tests.simulation",
            "--first-violation",
            "--store",
            mutant.store,
        ]
        ran = subprocess.run(
            [*hunter, "--seeds", str(seeds)], cwd=folder, capture_output=True, text=True, check=False
        )
    if ran.returncode not in (0, 1) or ("Traceback" in ran.stderr and not ran.stdout.strip()):
        raise RuntimeError(f"{mutant.name}: {ran.stderr[-2_000:]}")
    return ran.stdout.strip(), time.monotonic() - started


def main() -> int:
    """Hunt the mutants, two at a time. What this very code caught is remembered: a run that was ended goes on."""
    wanted = [mutant for mutant in MUTANTS if not sys.argv[1:] or mutant.name in sys.argv[1:]]
    caught = FOLDER / f"mutants-{code_digest()}.jsonl"
    caught.parent.mkdir(parents=True, exist_ok=True)
    lines = caught.read_text(encoding="utf-8").splitlines() if caught.exists() else []
    known: dict[str, tuple[str, float]] = {name: (said, s) for name, said, s in map(json.loads, lines)}
    alive, total_s = 0, 0.0
    with ThreadPoolExecutor(max_workers=2) as pool:
        hunts = {m.name: pool.submit(hunt, m, SEEDS) for m in wanted if m.name not in known}
        for mutant in wanted:
            found, took_s = known.get(mutant.name) or hunts[mutant.name].result()
            if found and mutant.name not in known:
                with caught.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([mutant.name, found, took_s]) + "\n")
            alive += not found
            total_s += took_s
            result = found or f"LIVES after {SEEDS} seeds"
            sys.stdout.write(f"{mutant.name:<26} {result[:150]} ({took_s:.0f} s)\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(wanted)} mutants, {alive} alive, {total_s:.0f} s of hunting\n")
    return int(alive > 0)


if __name__ == "__main__":
    sys.exit(main())

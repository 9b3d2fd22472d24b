"""Planted mistakes: each is put into a copy of the tree, and the simulation must find it by itself (`hunting`).

A substitution whose anchor is not there exactly once is an error: the code has moved on and the mutant has to be
written anew. Where a constraint of PostgreSQL or a refusal of the store in memory would stop the mistake before it does
any harm, the mutant takes that away too, as its author might: the witness has to see the harm, not the fence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CREDIT, POWER, TURN, DECISION = (
    f"apps/meters/deciding/{name}.py" for name in ("credit", "power", "turn", "decision")
)
PHONE, FRAMES = "apps/meters/deciding/phone.py", "apps/meters/frames.py"
STATE, STORE = "apps/meters/deciding/state.py", "apps/meters/memory_store.py"
PAYMENTS, PRICING = "apps/income/services/payments.py", "apps/tariffs/pricing.py"
DELIVERY, QUESTIONS = "apps/meters/services/delivery.py", "meter_gateway/questions.py"


@dataclass(frozen=True)
class Mutant:
    name: str
    words: str
    changes: tuple[tuple[str, str, str], ...]
    store: str = "memory"
    # (table, constraint): a migration of the mutant's drops it.
    dropped: tuple[tuple[str, str], ...] = ()


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
            (
                STORE,
                "if c.is_credit and c.number is not None]",
                "if c.is_credit and c.number is not None and c.id != effect.command_id]",
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
            (STORE, "if taken in self.numbers or not effect.frames:", "if not effect.frames:"),
            (STORE, "if command.is_credit and others:", "if False:"),
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
            (
                STORE,
                "if state.letter is not None or (effect.command_id, effect.attempt) in self.letters:",
                "if (effect.command_id, effect.attempt) in self.letters:",
            ),
        ),
    ),
    Mutant(
        "torn-read-is-proof",
        "a count read before the credit came and a sum read after it are believed together and at once",
        (
            (FRAMES, "profile.purchased_di, profile.count_di]", "profile.purchased_di]"),
            (
                CREDIT,
                "    turn.send(command, Purpose.DELIVER, command.frames + _proof_reads(turn, command))\n",
                "    count, *sums = _proof_reads(turn, command)\n"
                "    turn.send(command, Purpose.DELIVER, (count, *command.frames, *sums))\n",
            ),
            (CREDIT, "    if not turn.state.differs:\n", "    if False:\n"),
        ),
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
            (STORE, "if command.number is not None and effect.to == CommandState.CANCELLED:", "if False:"),
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
        ),
        "postgres",
        (("income_recharge", "income_recharge_payment_id_key"),),
    ),
    Mutant(
        "ack-before-commit",
        "a payment is marked and its notify answered before what it bought is committed",
        (
            (
                PAYMENTS,
                "    recharge_from_payment(payment=payment, where=where, arrived=arrived, now=now)\n",
                "    def buy() -> None:\n"
                "        with landlord_scope(payment.landlord_id):\n"
                "            where = where_it_goes(order=payment.order, now=now)\n"
                "            recharge_from_payment(payment=payment, where=where, arrived=arrived, now=now)\n"
                "    transaction.on_commit(buy)\n",
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
        (("income_recharge", "income_recharge_sum_is_exact"),),
    ),
)


def plant(mutant: Mutant, tree: Path) -> None:
    """Make the mutant's changes in a copy of the tree.

    :raises LookupError: if an anchor is not there once.
    """
    for name, anchor, instead in mutant.changes:
        path = tree / name
        text = path.read_text(encoding="utf-8")
        if text.count(anchor) != 1:
            raise LookupError(f"{mutant.name}: anchor found {text.count(anchor)} times in {name}")
        path.write_text(text.replace(anchor, instead), encoding="utf-8")
    if mutant.dropped:
        _drop(mutant, tree / "apps" / "income" / "migrations")


def _drop(mutant: Mutant, migrations: Path) -> None:
    *_, last = sorted(path.stem for path in migrations.glob("[0-9]*.py"))
    drops = [f"ALTER TABLE {table} DROP CONSTRAINT {name}" for table, name in mutant.dropped]
    (migrations / "9999_careless.py").write_text(
        "from django.db import migrations\n\n\n"
        "class Migration(migrations.Migration):\n"
        f'    dependencies = [("income", "{last}")]\n'
        f"    operations = [migrations.RunSQL({drops!r})]\n",
        encoding="utf-8",
    )

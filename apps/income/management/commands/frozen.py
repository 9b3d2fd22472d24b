"""Find, probe and resolve frozen meters from a shell; docs/runbook-frozen.md says which way is for what."""

import getpass
import time
from contextlib import AbstractContextManager
from typing import Any, cast
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation

from apps.accounts.models import User
from apps.common.errors import Refused
from apps.common.scoping import everything, landlord_scope
from apps.income.services import freezes
from apps.meters import deciding as d
from apps.meters.deciding.ways_out import Plan
from apps.meters.models import Command as MeterCommand
from apps.meters.models import Meter, Presence
from apps.meters.post import ValkeyPost
from apps.meters.services import delivery
from apps.meters.states import FINAL, CommandState, Way
from apps.meters.store import PostgresStore

# A shell on the server is the operator's, so the words are English like the logs.
PROBE_WAIT_S = 30


class Command(BaseCommand):
    help = "List frozen meters by cause, probe one, or resolve one by the way its evidence allows."

    def add_arguments(self, parser: Any) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="every frozen meter, by cause, with what waits and which ways are open")
        probe = acts.add_parser("probe", help="ask the meter now, and wait for its answer")
        probe.add_argument("--wait", type=int, default=PROBE_WAIT_S, help="seconds to wait for the answer")
        resolve = acts.add_parser("resolve", help="end the freeze; needs a probe of the last ten minutes")
        resolve.add_argument("--by", required=True, choices=[way.value for way in Way])
        resolve.add_argument("--reason", required=True, help="why; stands in the audit for ever")
        for one in (probe, resolve):
            one.add_argument("serial")
            one.add_argument("--as", dest="username", default="", help="your login here, for the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("en"):
            self._do(options)

    def _do(self, options: dict[str, Any]) -> None:
        if options["act"] == "list":
            return self._list()
        meter = _meter(options["serial"])
        by_id, who = _who(options["username"])
        try:
            if options["act"] == "probe":
                self._probe(meter, by_id, who, options["wait"])
            else:
                self._resolve(meter, by_id, who, options)
        except Refused as refusal:
            raise CommandError(str(refusal.detail or refusal.code)) from None

    def _list(self) -> None:
        now = timezone.now()
        with everything("frozen meters of all landlords, for the operator's shell"):
            rows = list(freezes.frozen_meters())
        for cause, meters in freezes.by_cause(rows).items():
            self.stdout.write(f"{cause}: {len(meters)}")
            for meter in meters:
                with _scope(meter):
                    self._show(freezes.held(meter, now=now), now)
        if not rows:
            self.stdout.write("No meter is frozen.")

    def _show(self, held: freezes.Held, now: Any) -> None:
        meter = held.meter
        hours = int((now - meter.frozen_at).total_seconds() // 3600) if meter.frozen_at else 0
        minutes = int((now - meter.frozen_at).total_seconds() % 3600 // 60) if meter.frozen_at else 0
        self.stdout.write(f"  {meter.serial}  {meter.landlord}, {meter.room.site.name} {meter.room}")
        self.stdout.write(f"    frozen for {hours} h {minutes} min")
        self.stdout.write(f"    waiting: {held.waiting} credits, {held.waiting_kwh} kWh")
        if held.head is not None:
            self.stdout.write(
                f"    numbered: credit {held.head.number} of {held.head.energy_kwh} kWh, {held.head.state}"
            )
        for name, value in meter.frozen_evidence.items():
            self.stdout.write(f"    {name}: {value}")
        if held.probe is None:
            self.stdout.write(f"    next: manage.py frozen probe {meter.serial}")
        else:
            self._ways(held)

    def _ways(self, held: freezes.Held) -> None:
        assert held.probe is not None
        for name, value in held.probe.result.items():
            self.stdout.write(f"    probed {name}: {value}")
        for way, found in held.ways.items():
            if isinstance(found, Plan):
                self.stdout.write(f"    {way.value}: open. {_does(found)}")
            else:
                self.stdout.write(f"    {way.value}: closed. {freezes.WHY_NOT[found]}")

    def _probe(self, meter: Meter, by_id: Any, who: str, wait_s: int) -> None:
        now = timezone.now()
        with _scope(meter):
            probe = freezes.ask_probe(meter=meter, by_id=by_id, who=who, now=now)
        with _scope(meter):
            # Taken here too, so that a probe does not hang on a worker.
            delivery.take_turn(
                store=PostgresStore(), post=ValkeyPost(), meter_id=meter.pk, event=d.Rung(now=timezone.now())
            )
        until = time.monotonic() + wait_s
        state = probe.state
        while state not in FINAL and time.monotonic() < until:
            self.stdout.write(f"waiting for the meter: {state}")
            time.sleep(1)
            with _scope(meter):
                state = MeterCommand.objects.values_list("state", flat=True).get(pk=probe.pk)
        if state != CommandState.DONE:
            seen = Presence.objects.filter(serial=meter.serial).first()
            online = "online" if seen and seen.is_online else "offline"
            last = f", heard last {seen.seen_at:%Y-%m-%d %H:%M} UTC" if seen and seen.seen_at else ""
            raise CommandError(
                f"The meter did not answer ({state}); it is {online}{last}. Its credits stay safe. Probe again later."
            )
        with _scope(meter):
            self._ways(freezes.held(meter, now=timezone.now()))

    def _resolve(self, meter: Meter, by_id: Any, who: str, options: dict[str, Any]) -> None:
        if not meter.frozen:
            self.stdout.write("This meter is not frozen; nothing was done.")
            return
        with _scope(meter):
            done = freezes.resolve(
                post=ValkeyPost(),
                meter_id=meter.pk,
                way=Way(options["by"]),
                reason=options["reason"],
                by_id=by_id,
                who=who,
                now=timezone.now(),
            )
        self.stdout.write(_does(done.plan))
        if done.still_frozen:
            self.stdout.write(
                f"Still frozen: {done.plan.foreign_kwh} kWh are not ours. Resolve once more by import."
            )
        else:
            self.stdout.write("The meter takes credits again.")


def _does(plan: Plan) -> str:
    head = (
        {
            CommandState.DONE: "The open credit is in the meter. ",
            CommandState.REJECTED: "The meter never took the open credit; its energy waits in a new one. ",
        }.get(plan.head, "")
        if plan.head
        else ""
    )
    match plan.way:
        case Way.RESEND:
            return "The same bytes leave once more."
        case Way.IMPORT:
            return f"{plan.foreign_kwh} kWh bought elsewhere go into the books, without money."
        case Way.EPOCH:
            return f"{head}A new body of the meter begins at count {plan.count}, {plan.purchased_kwh} kWh."
    return f"{head}Known from now on: count {plan.count}, {plan.purchased_kwh} kWh purchased."


def _scope(meter: Meter) -> AbstractContextManager[None]:
    return landlord_scope(cast(UUID, meter.landlord_id))


def _meter(serial: str) -> Meter:
    with everything("a meter by its serial, for the operator's shell"):
        meter = Meter.objects.filter(serial=serial, archived_at=None).first()
    if meter is None:
        raise CommandError("No landlord has a meter of this serial.")
    return meter


def _who(username: str) -> tuple[Any, str]:
    shell = f"shell: {getpass.getuser()}"
    if not username:
        return None, shell
    user = User.objects.filter(username=username, is_operator=True, is_active=True).first()
    if user is None:
        raise CommandError("There is no operator of this name.")
    return user.pk, shell

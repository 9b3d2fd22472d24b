"""The demo's whole fleet on real load and virtual time, behind a post that carries every letter there and back.

Only the clock, the sockets and the broker are not real: what they would carry is handed over by hand, through the
same services that the tasks call.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

from apps.alerts import services as alerts
from apps.common.scoping import everything, landlord_scope
from apps.meters.deciding import Rung, SendLetter
from apps.meters.models import Lease, Meter
from apps.meters.services import delivery, presence, schedules
from apps.meters.states import Outcome
from apps.meters.store import PostgresStore
from apps.readings import daily
from apps.readings import services as readings
from apps.sandbox.merchants import make_merchants
from config.demo.plan import LANDLORDS
from config.demo.seed import seed
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.simulator import load as loads
from meter_gateway.simulator.meter import Meter as SimulatedMeter
from meter_gateway.simulator.port import Port
from meter_gateway.simulator.roster import Entry, first_day, read_fleet
from meter_gateway.simulator.state import counted_kwh

LOAD_FILE = Path(__file__).resolve().parents[2] / "meter_gateway/simulator/data/load_halfhour_dev.csv"
MINUTE = timedelta(minutes=1)
GATEWAY = "gw"


@dataclass
class Hung:
    """A meter of the fleet as the platform knows it."""

    landlord_id: UUID
    meter_id: UUID
    serial: str
    session: str = ""


class Fleet:
    """Every meter of the demo, asked by the clock; `now` is moved on by `run`."""

    def __init__(
        self, var: Path, now: datetime, *, part: int = 0, parts: int = 1, step: timedelta = MINUTE
    ) -> None:
        self.now = now
        self._step = step
        self.asked_in: Counter[datetime] = Counter()
        self._letters: list[tuple[str, SendLetter]] = []
        make_merchants(var / "sandbox", list(LANDLORDS))
        seed(var, now=now)
        self._simulated: dict[str, SimulatedMeter] = {}
        self._recordings = loads.read_households(LOAD_FILE)
        self.ports = {entry.serial: self._port(entry, now) for entry in read_fleet(var / "fleet.json")}
        with everything("this test looks at all meters"):
            rows = Meter.objects.order_by("serial").values_list("landlord_id", "pk", "serial")
            # The others stay in the dark: nobody is asked who is not online.
            self.meters = [Hung(*row) for row in rows][part::parts]
        self._by_id = {meter.meter_id: meter for meter in self.meters}
        self._by_serial = {meter.serial: meter for meter in self.meters}
        presence.gateway_said_hello(gateway=GATEWAY, node=GATEWAY, stream="s", now=now)
        for meter in self.meters:
            self.come(meter)

    def _port(self, entry: Entry, now: datetime) -> Port:
        profile = load_profile(entry.profile)
        demand = loads.HouseholdLoad(self._recordings[entry.household])
        state = first_day(entry, demand, pulses_per_kwh=profile.pulses_per_kwh, now=now)
        meter = SimulatedMeter(state, demand, pulses_per_kwh=profile.pulses_per_kwh)
        self._simulated[entry.serial] = meter
        return Port(meter, profile)

    def come(self, meter: Hung) -> None:
        meter.session = str(uuid4())
        login = {"serial": meter.serial, "session": meter.session}
        presence.grant_logins(post=self, gateway=GATEWAY, logins=[login], now=self.now)

    def go(self, meter: Hung) -> None:
        presence.meters_went(
            gateway=GATEWAY, sessions=[{"serial": meter.serial, "session": meter.session}], now=self.now
        )

    def put_remaining(self, meter: Hung, energy_kwh: str) -> None:
        self._simulated[meter.serial].put_remaining(Decimal(energy_kwh), self.now)

    def forget_midnights(self, meter: Hung) -> None:
        self._simulated[meter.serial].change(self.now, freezes=())

    def midnight_total(self, meter: Hung, midnight: datetime) -> Decimal:
        """What the meter's own register of that midnight holds, kWh."""
        simulated = self._simulated[meter.serial]
        (freeze,) = [freeze for freeze in simulated.state.freezes if freeze.at == midnight]
        return counted_kwh(freeze.total_pulses, simulated.pulses_per_kwh)

    def ask(self, serial: str, letter: SendLetter) -> None:
        self._letters.append((serial, letter))

    def grant(self, gateway: str, serial: str, session: UUID, epoch: int) -> None:
        """The sessions of this fleet need no telling."""

    def refuse(self, gateway: str, serial: str, session: UUID, reason: str) -> None:
        raise AssertionError(f"{serial} was refused: {reason}")

    def turn(self) -> None:
        """Do what beat, worker and sweeper do between two rings of the schedule (a minute)."""
        for _landlord_id, meter_id in schedules.meters_to_read(now=self.now, call_every_s=self._step.seconds):
            meter = self._by_id[meter_id]
            self.asked_in[self.now] += 1
            with landlord_scope(meter.landlord_id):
                schedules.read_by_the_clock(meter_id=meter_id, now=self.now)
                self._turn(meter)
        if self.now.minute % 10 == 0:
            for landlord_id, meter_id in daily.meters_with_open_days(now=self.now):
                if meter_id not in self._by_id:
                    continue
                with landlord_scope(landlord_id):
                    daily.close_days(meter_id=meter_id, now=self.now)
                    self._turn(self._by_id[meter_id])
        while self._letters:
            self._hear(*self._letters.pop(0))
        self.now += self._step

    def _turn(self, meter: Hung) -> None:
        delivery.take_turn(
            store=PostgresStore(), post=self, meter_id=meter.meter_id, event=Rung(now=self.now)
        )

    def _hear(self, serial: str, letter: SendLetter) -> None:
        """The meter answers, or its gateway says that it is not there; then what the doorbells would do."""
        meter, port = self._by_serial[serial], self.ports[serial]
        replies: list[str | None] = []
        for frame in letter.frames:
            heard = port.receive(bytes.fromhex(frame), self.now)
            replies.append(b"".join(answer.raw for answer in heard).hex().upper() or None)
        with landlord_scope(meter.landlord_id):
            delivery.take_answer(
                post=self,
                meter_id=meter.meter_id,
                command_id=letter.command_id,
                attempt=letter.attempt,
                epoch=letter.epoch,
                outcome=Outcome.ANSWERED if all(replies) else Outcome.NO_ANSWER,
                replies=replies,
                now=self.now,
            )
            if readings.pull_letter(command_id=letter.command_id, attempt=letter.attempt):
                alerts.look_at_meter(meter_id=meter.meter_id, now=self.now)


def subscribe_everybody(fleet: Fleet) -> None:
    """Every renter of the demo wants to be told."""
    for landlord_id in {meter.landlord_id for meter in fleet.meters}:
        with landlord_scope(landlord_id):
            for lease in Lease.objects.select_related("renter"):
                alerts.subscribe(lease=lease, phone=lease.renter.phone, now=fleet.now)

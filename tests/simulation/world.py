"""One world from one seed: a few minutes of faults, then peace, then a week, then every frame once more."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.meters import deciding as d
from apps.meters.states import CommandKind
from meter_gateway.simulator.torn import FLASH_ORDERS
from tests.simulation.broker import Broker
from tests.simulation.checker import Checker, said_of
from tests.simulation.devices import Device
from tests.simulation.faults import PEOPLES, PER_MINUTE, Fault, Faults
from tests.simulation.gateways import GatewayProcess, cached_profile
from tests.simulation.links import Connection
from tests.simulation.office import Office
from tests.simulation.operator import Operator
from tests.simulation.people import Order, People
from tests.simulation.virtual_time import VirtualTime

PROFILES = ("dtsy-4g-ble", "ddsy-4g")
PEACE_LIMIT_S = 1_500
# Until the last question about an order that was closed before its time was over.
LONG_PEACE_S = 2_400
LAST_POLL_HOURS = 0.6
SESSION_OVER = timedelta(hours=25)
WEEK = timedelta(days=7)
FOREIGN_KWH = Decimal("7.77")


def _office(store: str) -> type[Any]:
    if store == "memory":
        return Office
    from tests.simulation.real_office import RealOffice

    return RealOffice


def _people(store: str) -> type[Any]:
    if store == "memory":
        return People
    from tests.simulation.real_people import RealPeople

    return RealPeople


@dataclass(frozen=True)
class Finding:
    """What became of one world."""

    seed: int
    violation: str
    digest: str
    fired: Counter[Fault]
    checked: Counter[str]
    orders: int
    frozen: int
    rest_after_s: float
    events: int


class World:
    """Build it from a seed, `run` it once."""

    def __init__(
        self,
        seed: int,
        *,
        store: str = "memory",
        meters: int = 3,
        is_backwards: bool = False,
        on_trace: Callable[[str], None] | None = None,
    ) -> None:
        """`is_backwards`: on PostgreSQL, rows that nobody ordered come the other way round (`unordered`)."""
        self.seed = seed
        self.store = store
        self.dice = dice = random.Random(seed)
        self.time = VirtualTime()
        self.faults = Faults(dice, awake_often=PEOPLES if store == "postgres" else ())
        self._hash = hashlib.blake2b(digest_size=8)
        self._on_trace = on_trace
        self.broker = Broker(self.time, dice, self.faults)
        awake = self.faults.is_awake
        skews = [round(dice.uniform(-4, 4), 3) if awake(Fault.CLOCK_SKEW) else 0.0 for _ in range(4)]
        if awake(Fault.CLOCK_SKEW):
            self.faults.count(Fault.CLOCK_SKEW)
        serials = [f"{219_998 + place:012d}" for place in range(meters)]
        self.spare = f"{219_998 + meters:012d}"
        profiles = {serial: dice.choice(PROFILES) for serial in [*serials, self.spare]}
        self.office: Any = _office(store)(self.time, dice, self.faults, self.broker, skews[:2], self.trace)
        if store == "postgres":
            self.office.surroundings.is_backwards = is_backwards
        self.gateways = [
            GatewayProcess(
                self.time,
                dice,
                self.broker,
                node=f"gw{place + 1}",
                skew_s=skews[2 + place],
                profiles=profiles,
                on_written=self._written,
            )
            for place in range(dice.choice((1, 2)))
        ]
        self.broker.take_letter = self._letter
        self.devices = {
            serial: self._device(serial, profiles[serial], place) for place, serial in enumerate(serials)
        }
        self._spare_profile = profiles[self.spare]
        self.checker = Checker(self.devices)
        self.people: Any = _people(store)(self.time, dice, self.faults, self.office, self.devices, self.trace)
        self.office.on_commit = self._committed
        self.people.on_ordered = self.checker.ordered
        self.people.on_settled = self._settled
        self.people.on_requeued = self.checker.requeued
        self.operator = Operator(self.time, dice, self.faults, self.people, self.trace)

    def _device(self, serial: str, profile: str, place: int) -> Device:
        awake, dice = self.faults.is_awake, self.dice
        return Device(
            self.time,
            dice,
            self.faults,
            serial=serial,
            profile=cached_profile(profile),
            gateways=self.gateways,
            remaining_kwh="985.00"
            if awake(Fault.OVER_LIMIT) and not place
            else dice.choice(("0.05", "12.40")),
            load_kw=dice.choice(("0", "0.5", "6")),
            flash_order=dice.choice(FLASH_ORDERS[1:])
            if place == 1 and awake(Fault.TORN_FLASH)
            else FLASH_ORDERS[0],
            trace=self.trace,
        )

    # The run

    def run(self) -> Finding:
        """Live through it; a violation ends it, and so does an error."""
        violation, rest_after_s = "", 0.0
        frozen = 0
        try:
            self.office.open({serial: device.profile.name for serial, device in self.devices.items()})
            horizon_s = self.dice.uniform(90, 300)
            self._plan_people(horizon_s)
            self._plan_faults(horizon_s)
            self.time.run_until(horizon_s, self._step)
            self._make_peace()
            peace_s = PEACE_LIMIT_S if self.store == "memory" else LONG_PEACE_S
            self.time.run_until(horizon_s + peace_s, self._step_to_rest)
            rest_after_s = self.time.now - horizon_s
            if self.store == "postgres":
                self._let_hours_pass()
            frozen = self.office.frozen()
            states = {serial: self.office.state(serial) for serial in self.devices}
            self.checker.at_rest(states, self.people.wishes_at_rest())
            books = self.people.books()
            if books is not None:
                self.checker.books(books)
            for _ in range(self.checker.replay(self.time.utc() + WEEK)):
                self.faults.count(Fault.PHONE_KEEPS)
        except Exception as found:  # noqa: BLE001 - whatever ends a world is told with its seed
            violation = said_of(found)
            self.trace("violation", "", violation)
        finally:
            self.office.close()
        return Finding(
            seed=self.seed,
            violation=violation,
            digest=self._hash.hexdigest(),
            fired=self.faults.fired,
            checked=self.checker.checked,
            orders=len(self.people.orders),
            frozen=frozen,
            rest_after_s=rest_after_s,
            events=self.time.steps,
        )

    def _step(self) -> bool:
        self.checker.look_at_meters()
        return False

    def _step_to_rest(self) -> bool:
        self.checker.look_at_meters()
        return self.office.is_at_rest() and self.operator.is_idle()

    def _let_hours_pass(self) -> None:
        """Until the last poll of an order nobody paid; then the phones tell everything once more."""
        self.office.sweep_for_hours(LAST_POLL_HOURS)
        self.people.tell_again(SESSION_OVER)

    def _plan_services(self, horizon_s: float) -> None:
        """What only the services know: cash, a lease that ends, a meter that is heard by a phone first."""
        for serial, device in self.devices.items():
            for _ in range(self.dice.randrange(0, 2)):
                self.time.at(self.dice.uniform(0, horizon_s), self.people.cash, serial)
            if self.dice.random() < 0.3:
                device.blocked_until = self.dice.uniform(0, 120)
                for second in (5, 40):
                    self.time.at(second, self.people.come, serial, Fault.PHONE_TELLS)
            for _ in range(4):
                self.time.at(self.dice.uniform(0, horizon_s), self.people.blunder, serial)
                self.time.at(self.dice.uniform(0, horizon_s), self.people.read, serial)
        if self.dice.random() < 0.3:
            first = next(iter(self.devices))
            self.time.at(self.dice.uniform(0, horizon_s), self.people.desk.end_lease, first)

    def _plan_people(self, horizon_s: float) -> None:
        if self.store == "postgres":
            self._plan_services(horizon_s)
        for serial in self.devices:
            if self.faults.strikes(Fault.PURSE_INIT) and self.people.reset(serial, CommandKind.INIT_PURSE):
                self.faults.count(Fault.PURSE_INIT)
            for _ in range(self.dice.randrange(1, 5)):
                self.time.at(self.dice.uniform(0, horizon_s), self.people.pay, serial)
            for _ in range(self.dice.randrange(0, 4)):
                on = self.dice.random() < 0.5
                self.time.at(self.dice.uniform(0, horizon_s), self.people.wish, serial, on)
            for _ in range(self.dice.randrange(0, 3)):
                self.time.at(self.dice.uniform(0, horizon_s), self.people.read, serial)

    def _plan_faults(self, horizon_s: float) -> None:
        for fault in PER_MINUTE:
            if fault in self.faults.rates:
                second = self.dice.expovariate(self.faults.rates[fault] / 60)
                while second < horizon_s:
                    self.time.at(second, self._strike, fault)
                    second += self.dice.expovariate(self.faults.rates[fault] / 60)

    def _make_peace(self) -> None:
        self.faults.healed = True
        self.broker.is_up = True
        self.office.sweeper_stands_until = 0.0
        for device in self.devices.values():
            device.blocked_until = min(device.blocked_until, self.time.now)
        for gateway in self.gateways:
            if not gateway.is_alive:
                gateway.start()
        self.trace("peace", "", "")

    # Faults that come by the clock

    def _strike(self, fault: Fault) -> None:
        device = self.dice.choice(list(self.devices.values()))
        now = self.time.now
        match fault:
            case Fault.HALF_OPEN:
                done = device.connection is not None
                device.leave_silently()
            case Fault.MOVE:
                others = [
                    g for g in self.gateways if device.connection and g is not device.connection.gateway
                ]
                done = bool(others)
                if others:
                    device.leave_silently(to=others[0])
            case Fault.PARTITION:
                done = True
                device.blocked_until = max(device.blocked_until, now + self.dice.uniform(5, 60))
            case Fault.SWIZZLE_CLOG:
                done = True
                self._swizzle()
            case Fault.BROKER_AWAY:
                done = self.broker.is_up
                self.broker.is_up = False
                self.time.after(self.dice.uniform(2, 30), setattr, self.broker, "is_up", True)
            case Fault.BROKER_EMPTIED:
                done = True
                self.broker.empty()
            case Fault.GATEWAY_KILLED:
                done = self._kill_gateway()
            case Fault.SWEEPER_STOPPED:
                done = True
                self.office.sweeper_stands_until = now + self.dice.uniform(5, 40)
            case Fault.POWER_CUT:
                done = True
                device.cut_power()
            case Fault.FOREIGN_PURCHASE:
                done = device.credited_by_somebody_else(FOREIGN_KWH)
            case Fault.DEVICE_SWAP:
                done = self._swap(device)
            case Fault.ENERGY_RESET:
                done = self.people.reset(device.serial, CommandKind.RESET_ENERGY)
            case _:
                done = self._phone(fault, device)
        if done:
            self.trace(fault.name.lower(), device.serial, "")
            if fault not in (Fault.PHONE_REPLAYS, Fault.PHONE_ALTERS):
                self.faults.count(fault)

    def _swap(self, device: Device) -> bool:
        """One room of a world gets another device; the old one is taken away."""
        if self.spare in self.devices:
            return False
        spare = self._device(self.spare, self._spare_profile, len(self.devices))
        if not self.people.swap(device.serial, spare):
            spare.take_away()
            return False
        device.take_away()
        self.devices[self.spare] = spare
        self.checker.hung(spare, instead_of=device)
        return True

    def _swizzle(self) -> None:
        order = list(self.devices.values())
        self.dice.shuffle(order)
        release = list(range(len(order)))
        self.dice.shuffle(release)
        for place, device in enumerate(order):
            until = self.time.now + 12 + 4 * release[place]
            self.time.after(2.0 * place, self._clog, device, until)

    @staticmethod
    def _clog(device: Device, until: float) -> None:
        device.blocked_until = max(device.blocked_until, until)

    def _kill_gateway(self) -> bool:
        alive = [gateway for gateway in self.gateways if gateway.is_alive]
        if not alive:
            return False
        gateway = self.dice.choice(alive)
        gateway.kill()
        self.time.after(self.dice.uniform(0.5, 8), lambda: gateway.is_alive or gateway.start())
        return True

    def _phone(self, fault: Fault, device: Device) -> bool:
        if fault in (Fault.PHONE_TELLS, Fault.PHONE_LIES):
            return device.meter.atomic_flash and self.people.come(device.serial, fault)
        frames = list(self.checker.meters[device.serial].frame_of.values())
        if not frames or not device.meter.atomic_flash:
            return False
        self.people.carry(device.serial, self.dice.choice(frames), fault)
        return True

    # Witnesses

    def trace(self, kind: str, about: str, text: str) -> None:
        """One line of the history; the history's hash is what two runs of a seed share."""
        line = f"{self.time.now:12.6f} {kind:<14} {about:<13} {text}"
        self._hash.update(line.encode())
        if self._on_trace is not None:
            self._on_trace(line)

    def _letter(self, gateway: str, text: str) -> bool:
        for process in self.gateways:
            if process.name == gateway and process.is_alive:
                process.letter(text)
                return True
        return False

    def _written(self, gateway: GatewayProcess, connection: Connection, data: bytes) -> None:
        serial = connection.device.serial
        self.trace("write", serial, f"{gateway.name} {data.hex()}")
        self.checker.written(gateway.name, gateway.epoch_of(serial), serial, data, gateway.now.utc)

    def _committed(
        self, meter_id: UUID, before: d.MeterState, after: d.MeterState, effects: list[d.Effect]
    ) -> None:
        for effect in effects:
            self.trace("commit", before.serial, _in_words(effect))
        self.checker.committed(before, after, effects)
        for effect in effects:
            if isinstance(effect, d.StoreFrames):
                self.people.frame_stored(before.serial, effect.frames[0])

    def _settled(self, order: Order) -> None:
        self.checker.settled(order)


def _in_words(effect: d.Effect) -> str:
    match effect:
        case d.Step():
            return f"{str(effect.command_id)[:8]} → {effect.to} {effect.note}"
        case d.StoreFrames():
            return f"{str(effect.command_id)[:8]} is number {effect.number} {effect.frames[0]}"
        case d.SendLetter():
            return (
                f"{str(effect.command_id)[:8]} letter {effect.attempt} {effect.purpose} epoch {effect.epoch}"
            )
        case d.CloseLetter():
            said = "".join("·" if reply is None else "x" for reply in effect.replies)
            return f"{str(effect.command_id)[:8]} letter {effect.attempt} closed {effect.outcome} {said}"
        case d.LearnCount():
            return f"count {effect.count} purchased {effect.purchased_kwh}"
        case d.Freeze():
            return f"frozen {effect.reason} {effect.evidence}"
        case d.BeginBody():
            return f"body {effect.device_epoch} begins"
    return type(effect).__name__

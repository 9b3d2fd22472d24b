"""An independent witness: its own model of orders, frames and meters. It asks nothing of the code it judges.

It learns what was committed (effects), what was written on wires (bytes, which it reads by itself) and what the
registers of the meters did. It raises `Violation` with the number of the invariant (docs/reliability.md).
"""

from __future__ import annotations

import traceback
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from apps.meters import deciding as d
from apps.meters.states import CommandKind, CommandState, Frozen
from tests.simulation.devices import Application, Device
from tests.simulation.people import Order, Wish

_S = CommandState
STEPS = {
    (_S.QUEUED, _S.SENT), (_S.QUEUED, _S.EXPIRED), (_S.QUEUED, _S.CANCELLED),
    (_S.SENT, _S.ACKED), (_S.SENT, _S.UNKNOWN), (_S.SENT, _S.DONE), (_S.SENT, _S.REJECTED),
    (_S.ACKED, _S.SENT), (_S.ACKED, _S.UNKNOWN), (_S.ACKED, _S.DONE), (_S.ACKED, _S.REJECTED),
    (_S.ACKED, _S.EXPIRED), (_S.ACKED, _S.CANCELLED),
    (_S.UNKNOWN, _S.SENT), (_S.UNKNOWN, _S.ACKED), (_S.UNKNOWN, _S.DONE), (_S.UNKNOWN, _S.REJECTED),
    (_S.UNKNOWN, _S.EXPIRED), (_S.UNKNOWN, _S.CANCELLED),
}  # fmt: skip
BY_A_PERSON = "settled by a person"
ENDED = {_S.DONE, _S.REJECTED, _S.EXPIRED, _S.CANCELLED}


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant


def said_of(error: Exception) -> str:
    """What ended a world, in one line: the invariant that fell, or an error and where it came up."""
    if isinstance(error, AssertionError) and str(error):
        return str(error)
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"


# A purchase number of one body of a meter: a person may begin another body, which counts anew.
Number = tuple[int, int]


@dataclass
class MeterModel:
    device: Device
    body: int = 1
    number_of: dict[UUID, Number] = field(default_factory=dict)
    frame_of: dict[Number, str] = field(default_factory=dict)
    energy_of: dict[Number, Decimal] = field(default_factory=dict)
    letters: dict[str, list[tuple[str, int, datetime]]] = field(default_factory=lambda: defaultdict(list))
    relay_frames: list[str] = field(default_factory=list)
    done: list[Number] = field(default_factory=list)
    by_a_person: set[Number] = field(default_factory=set)
    learned_count: int = 0
    frozen: str = ""
    bodies: list[int] = field(default_factory=list)
    foreign: int = 0
    replaced_by: Device | None = None

    def taken(self) -> list[tuple[Number, Application]]:
        """What the registers took of our numbers, each in the body that was then."""
        applied = self.device.meter.applied
        bodies = self.bodies + [self.body] * (len(applied) - len(self.bodies))
        return [((body, a.number), a) for body, a in zip(bodies, applied, strict=True) if a.by != "foreign"]

    def times(self, number: Number | None) -> list[Application]:
        return [application for its, application in self.taken() if its == number]


def credit_in(data: bytes) -> tuple[int, Decimal] | None:
    """Read number and energy of a credit frame (03H, DI 070102FF) straight from its bytes."""
    start = data.find(b"\x68")
    if start < 0 or len(data) < start + 26 or data[start + 8] != 0x03:
        return None
    plain = bytes((byte - 0x33) & 0xFF for byte in data[start + 10 : start + 10 + data[start + 9]])
    if plain[:4] != b"\xff\x02\x01\x07":
        return None
    return int.from_bytes(plain[12:16], "little"), Decimal(int.from_bytes(plain[8:12], "little")) / 100


def is_relay(data: bytes) -> bool:
    start = data.find(b"\x68")
    return start >= 0 and len(data) > start + 8 and data[start + 8] == 0x1C


class Checker:
    """Every method checks at once; `checked` counts how often each invariant was looked at."""

    def __init__(self, devices: dict[str, Device]) -> None:
        self.meters = {serial: MeterModel(device) for serial, device in devices.items()}
        self.commands: dict[UUID, tuple[CommandKind, CommandState]] = {}
        self.orders: dict[UUID, Order] = {}
        self.checked: Counter[str] = Counter()

    def _hold(self, invariant: str, is_so: bool, text: str) -> None:
        self.checked[invariant] += 1
        if not is_so:
            raise Violation(invariant, text)

    def hung(self, device: Device, *, instead_of: Device) -> None:
        """Another device hangs where one was taken away."""
        self.meters[device.serial] = MeterModel(device)
        self.meters[instead_of.serial].replaced_by = device

    # What the office committed

    def ordered(self, order: Order) -> None:
        self._hold("I4", order.command_id not in self.orders, f"{order.transaction} has two credits")
        self.orders[order.command_id] = order

    def requeued(self, order: Order, before: UUID) -> None:
        """A credit that the meter proved not to have waits in a new one; the old one has ended for ever."""
        _, state = self.commands[before]
        self._hold("I4", state == _S.REJECTED, f"{order.transaction} has a second credit after one {state}")
        self.orders[order.command_id] = order

    def committed(self, before: d.MeterState, after: d.MeterState, effects: list[d.Effect]) -> None:
        model = self.meters[before.serial]
        for command in before.commands:
            self.commands.setdefault(command.id, (command.kind, command.state))
        for effect in effects:
            match effect:
                case d.Step():
                    self._step(model, effect)
                case d.StoreFrames():
                    self._frames_stored(model, effect)
                case d.SendLetter():
                    self._hold("I11", before.letter is None or _was_closed(effects), "two letters are out")
                    for frame in effect.frames:
                        model.letters[frame].append((effect.gateway, effect.epoch, effect.expires_at))
                case d.LearnCount():
                    self._hold("I16", effect.count >= model.learned_count, "the proved count fell")
                    model.learned_count = effect.count
                case d.BeginBody():
                    model.learned_count = 0
                    if effect.command_id is None:
                        self.look_at_meters()
                        model.body += 1
                case d.Freeze():
                    self._frozen(model, effect)
                case d.Thaw():
                    model.frozen = ""
        numbered = [c for c in after.commands if c.kind == CommandKind.CREDIT and c.number is not None]
        self._hold("I11", len(numbered) <= 1, f"{len(numbered)} credits of {after.serial} are unproved")

    def _step(self, model: MeterModel, effect: d.Step) -> None:
        kind, state = self.commands[effect.command_id]
        legal = (state, effect.to) in STEPS or (state == effect.to and state not in ENDED)
        self._hold("I10", legal, f"{kind} went from {state} to {effect.to}")
        self.commands[effect.command_id] = (kind, effect.to)
        if kind == CommandKind.CREDIT and effect.to == _S.DONE:
            self._done(model, effect)
        elif kind == CommandKind.CREDIT and effect.to == _S.REJECTED and effect.command_id in model.number_of:
            self._hold("I8", BY_A_PERSON in effect.note, f"a numbered credit ended as {effect.note}")
            number = model.number_of[effect.command_id]
            absent = not model.times(number) or model.device.meter.was_torn
            self._hold("I8", absent, f"credit {number} is called not taken and is in the meter")
            model.by_a_person.add(number)
        if kind == CommandKind.CREDIT:
            self._hold("I10", effect.to != _S.EXPIRED, "a paid credit expired")

    def _done(self, model: MeterModel, effect: d.Step) -> None:
        number = model.number_of.get(effect.command_id)
        times = model.times(number)
        assert number is not None
        if BY_A_PERSON in effect.note and model.device.meter.was_torn:
            # Where count and energy were torn apart, a person says what the registers cannot.
            self._hold("I7", bool(times), f"credit {number} is called done and was never taken")
            model.by_a_person.add(number)
        else:
            taken_once = len(times) == 1 and not times[0].torn
            self._hold("I7", taken_once, f"credit {number} is called done and was taken {len(times)} times")
            self._hold("I7", times[0].energy_kwh == self._energy(effect.command_id), "another energy")
        model.done.append(number)

    def _energy(self, command_id: UUID) -> Decimal:
        return self.orders[command_id].energy_kwh

    def _frames_stored(self, model: MeterModel, effect: d.StoreFrames) -> None:
        (frame,) = effect.frames
        self._hold("I4", effect.command_id not in model.number_of, "a credit was numbered twice")
        number = (model.body, effect.number)
        self._hold("I4", number not in model.frame_of, f"number {effect.number} was used twice")
        told = credit_in(bytes.fromhex(frame))
        expected = (effect.number, self._energy(effect.command_id))
        self._hold("I5", told == expected, f"the frame says {told}, not {expected}")
        if not model.foreign:
            opening = model.device.opening_count + len(model.done)
            following = 1 + (opening if model.body == 1 and not model.by_a_person else model.learned_count)
            self._hold("I12", effect.number == following, f"number {effect.number} after {following - 1}")
        model.number_of[effect.command_id] = number
        model.frame_of[number] = frame
        model.energy_of[number] = expected[1]

    def _frozen(self, model: MeterModel, effect: d.Freeze) -> None:
        excuses = {
            Frozen.CONTRADICTION: model.device.meter.was_torn or model.foreign > 0,
            Frozen.FOREIGN_PURCHASE: model.device.meter.was_torn or model.foreign > 0,
            Frozen.REFUSED: model.device.meter.was_full or model.foreign > 0,
            Frozen.COUNT_FULL: model.device.meter.state.purchase_count >= 9_999,
        }
        evidence = " ".join(f"{key}={value}" for key, value in effect.evidence.items())
        serial = model.device.serial
        self._hold("I14", excuses[effect.reason], f"{serial} froze for nothing: {effect.reason} {evidence}")
        model.frozen = effect.reason

    # What was written on a wire

    def written(self, gateway: str, epoch: int | None, serial: str, data: bytes, utc: datetime) -> None:
        """A gateway writes bytes for a meter; credits and switches are looked at."""
        credit, model = credit_in(data), self.meters[serial]
        if credit is None and not is_relay(data):
            return
        text = data.hex().upper()
        sent = model.letters.get(text, [])
        self._hold("I5", bool(sent), f"bytes left for {serial} that were not committed: {text}")
        fits = any((g, e) == (gateway, epoch) and utc < until for g, e, until in sent)
        self._hold("I13", fits, f"{gateway} wrote on epoch {epoch} of {serial} a letter of {sent}")
        if credit is None:
            model.relay_frames.append(text)
            return
        number = (model.body, credit[0])
        self._hold("I5", model.frame_of.get(number) == text, f"credit {number} left in other bytes")

    # What the meters did

    def look_at_meters(self) -> None:
        """Compare each meter's registers with the frames that were issued; cheap while nothing changed."""
        for model in self.meters.values():
            applied = model.device.meter.applied
            for application in applied[len(model.bodies) :]:
                model.bodies.append(model.body)
                self._applied(model, application)

    def _applied(self, model: MeterModel, application: Application) -> None:
        serial, number = model.device.serial, (model.body, application.number)
        if application.by == "foreign":
            model.foreign += 1
            return
        issued = model.energy_of.get(number)
        energy_kwh = application.energy_kwh
        right = issued == energy_kwh or (application.torn and issued is not None)
        self._hold("I6", right, f"{serial} took credit {number} of {energy_kwh}, not {issued}")
        times = len(model.times(number))
        self._hold("I6", times == 1, f"{serial} took credit {number} {times} times")
        for command_id, its_number in model.number_of.items():
            if its_number == number and command_id in self.orders:
                state = self.orders[command_id].state
                self._hold("I8", state != "REFUNDED", f"{serial} took credit {number} after its refund")

    # Money

    def settled(self, order: Order) -> None:
        model = self.meters[order.serial]
        number = model.number_of.get(order.command_id)
        times = len(model.times(number))
        if number in model.by_a_person and model.device.meter.was_torn:
            return
        if order.state == "REFUNDED":
            self._hold("I8", times == 0, f"{order.transaction} was refunded and is in the meter")
        else:
            self._hold("I7", times == 1, f"{order.transaction} was booked and was taken {times} times")

    # The end

    def at_rest(self, states: dict[str, d.MeterState], wishes: list[Wish]) -> None:
        """The faults are over and nothing moves any more."""
        for serial, model in self.meters.items():
            state, meter = states[serial], model.device.meter
            self._hold("I14", bool(state.frozen) or not state.commands, f"{serial} still has open commands")
            open_orders = [o for o in self.orders.values() if o.serial == serial and o.state == "OPEN"]
            self._hold("I14", bool(state.frozen) or not open_orders, f"{serial} has orders nobody ended")
            proved = sum((self._proved(model, number) for number in model.done), Decimal(0))
            ours = [a for number, a in model.taken() if number not in model.done]
            foreign = [a for a in meter.applied[meter.applied_before_purse :] if a.by == "foreign"]
            grown = meter.purchased_kwh - model.device.opening_kwh
            rest = sum((a.energy_kwh for a in [*ours, *foreign]), Decimal(0))
            # A torn register holds odd pulses, and is shown in whole 0.01 kWh.
            odd = abs(grown - proved - rest) < Decimal("0.01") if meter.was_torn else grown == proved + rest
            self._hold("I9", odd, f"{serial} grew by {grown}, books say {proved} + {rest}")
            unproved = [
                number for number, _ in model.taken() if number not in {*model.done, *model.by_a_person}
            ]
            self._hold(
                "I9", len(unproved) <= bool(state.frozen), f"{serial} holds unproved credits {unproved}"
            )
            mine = [wish for wish in wishes if wish.serial == serial]
            if mine:
                newest = max(mine, key=lambda wish: wish.version)
                if newest.on is not None and self.commands.get(newest.command_id, ("", ""))[1] == _S.DONE:
                    self._hold(
                        "I15",
                        meter.state.forced_off != newest.on,
                        f"{serial} was wished {'on' if newest.on else 'off'}, said done, and is not",
                    )

    @staticmethod
    def _proved(model: MeterModel, number: Number) -> Decimal:
        """What a credit that is called done brought: its energy, or what a torn register shows of it."""
        if number in model.by_a_person and model.device.meter.was_torn:
            return sum((a.energy_kwh for a in model.times(number)), Decimal(0))
        return model.energy_of[number]

    def books(self, wrong: list[tuple[str, str]]) -> None:
        """Hear what was found in the books and between them and the platforms, in the readings and the audit."""
        for invariant in ("I2", "I3", "I1", "I16", "I19"):
            found = [text for fallen, text in wrong if fallen == invariant]
            self._hold(invariant, not found, "; ".join(found))

    def replay(self, at: datetime) -> int:
        """Bring every frame ever issued to both ports of its meter; returns how many. Nothing may come of it.

        A frozen meter's open credit may still be taken, once; on flash that tore nothing can prevent a second
        time, so that frame is left out.
        """
        count = 0
        for serial, model in self.meters.items():
            meter = model.device.meter
            meter.advance(at)
            meter.through, forced_off = "replay", meter.state.forced_off
            for number, frame in sorted(model.frame_of.items()):
                if meter.was_torn and (number not in model.done or number[0] != model.body):
                    continue
                self._bring_to_replacement(model, frame, at)
                for port in (model.device.cellular, model.device.bluetooth):
                    seen = len(meter.applied)
                    port.receive(bytes.fromhex(frame), at)
                    count += 1
                    may = bool(model.frozen) and number not in {*model.done, *model.by_a_person}
                    self._hold(
                        "I8", may or len(meter.applied) == seen, f"{serial} took credit {number} again"
                    )
            self.look_at_meters()
            for frame in model.relay_frames:
                model.device.cellular.receive(bytes.fromhex(frame), at)
                self._hold("I15", meter.state.forced_off == forced_off, f"{serial} took an expired switch")
        return count

    def _bring_to_replacement(self, model: MeterModel, frame: str, at: datetime) -> None:
        if model.replaced_by is not None:
            seen = len(model.replaced_by.meter.applied)
            model.replaced_by.bluetooth.receive(bytes.fromhex(frame), at)
            same = len(model.replaced_by.meter.applied) == seen
            self._hold("I6", same, f"{model.replaced_by.serial} took a credit of {model.device.serial}")


def _was_closed(effects: list[d.Effect]) -> bool:
    return any(isinstance(effect, d.CloseLetter) for effect in effects)

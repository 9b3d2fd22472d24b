"""Payers, members and phones: they pay, cancel, wish, and carry frames about."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from apps.meters import deciding as d
from apps.meters import frames
from apps.meters.states import CommandKind, CommandState, Purpose, Way
from meter_gateway.protocol.answers import accept, answer_read
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.profiles import Profile
from tests.simulation.devices import Device
from tests.simulation.faults import Fault, Faults
from tests.simulation.office import Office
from tests.simulation.virtual_time import VirtualTime

ENERGIES_KWH = ("0.01", "3.50", "10.00", "10.00", "20.00", "38.46", "76.92")
POWER_LIFE = timedelta(minutes=10)
READ_LIFE = timedelta(seconds=60)
RESET_LIFE = timedelta(minutes=10)


@dataclass
class Order:
    """Money for energy. OPEN until the command has ended; then CREDITED, or REFUNDED with the money back."""

    transaction: str
    serial: str
    energy_kwh: Decimal
    command_id: UUID
    state: str = "OPEN"
    is_wanted_back: bool = False


@dataclass(frozen=True)
class Wish:
    command_id: UUID
    serial: str
    version: int
    on: bool | None
    """None for keeping power and for releasing it: where the relay is then, is not said."""


class People:
    """Everybody outside. One payment makes one order with one credit, however often it is notified."""

    def __init__(
        self,
        time: VirtualTime,
        dice: random.Random,
        faults: Faults,
        office: Office,
        devices: dict[str, Device],
        trace: Callable[[str, str, str], None],
    ) -> None:
        self._time = time
        self._dice = dice
        self._faults = faults
        self._office = office
        self._devices = devices
        self._trace = trace
        self.orders: dict[str, Order] = {}
        self._paid = 0
        self.by_command: dict[UUID, Order] = {}
        self.wishes: list[Wish] = []
        self.on_ordered: Callable[[Order], None] = lambda order: None
        self.on_settled: Callable[[Order], None] = lambda order: None
        self.on_requeued: Callable[[Order, UUID], None] = lambda order, before: None
        self._lives_in: dict[str, str] = {}
        office.settle = self.settle
        office.unsettled = self.unsettled

    def new_id(self) -> UUID:
        return UUID(int=self._dice.getrandbits(128))

    # Money

    def pay(self, serial: str, *, is_second: bool = False) -> None:
        """Somebody pays; the platform notifies once, twice, late or never, and then a poll finds it."""
        serial = self.meter_of(serial)
        transaction = f"t{self._paid + 1}"
        energy_kwh = Decimal(self._dice.choice(ENERGIES_KWH))
        self._paid += 1
        polled_after_s = self._dice.choice((5, 30, 60))
        if self._faults.hits(Fault.NOTIFY_LOST):
            self._time.after(polled_after_s, self.notified, transaction, serial, energy_kwh)
        elif self._faults.hits(Fault.NOTIFY_LATE):
            self._time.after(polled_after_s, self.notified, transaction, serial, energy_kwh)
            self._time.after(self._dice.uniform(60, 300), self.notified, transaction, serial, energy_kwh)
        else:
            self.notified(transaction, serial, energy_kwh)
        if self._faults.hits(Fault.NOTIFY_DOUBLED):
            self._time.after(self._dice.uniform(0, 20), self.notified, transaction, serial, energy_kwh)
        if not is_second and self._faults.hits(Fault.TWO_AT_ONCE):
            self.pay(serial, is_second=True)
        if self._faults.is_awake(Fault.CANCEL_LATE) and self._dice.random() < 0.5:
            self._time.after(self._dice.choice((0, 0.5, 5, 30)), self.cancel, transaction)

    def notified(self, transaction: str, serial: str, energy_kwh: Decimal) -> None:
        if transaction in self.orders:
            return
        if self.meter_of(serial) != serial:
            self._trace("given_back", serial, transaction)
            return
        command_id = self._queue(serial, CommandKind.CREDIT, energy_kwh=energy_kwh)
        order = Order(transaction, serial, energy_kwh, command_id)
        self.orders[transaction] = self.by_command[command_id] = order
        self.on_ordered(order)
        self._trace("paid", serial, f"{transaction} {energy_kwh} kWh")

    def cancel(self, transaction: str) -> None:
        order = self.orders.get(transaction)
        if order is None:
            return
        command = self._office.state(order.serial).command(order.command_id)
        if command is not None and command.number is not None:
            self._faults.count(Fault.CANCEL_LATE)
            letter = self._office.state(order.serial).letter
            if letter is not None and (letter.command_id, letter.purpose) == (command.id, Purpose.DELIVER):
                self._faults.count(Fault.REFUND_RACES)
            order.is_wanted_back = True
        self._trace("cancel_asked", order.serial, transaction)
        self._office.cancel(self._office.meter_ids[order.serial], order.command_id)

    def settle(self, command_id: UUID) -> None:
        """Book what became of a credit; twice is once."""
        order, ended = self.by_command.get(command_id), self._office.store.ended.get(command_id)
        if order is None or ended is None or order.state != "OPEN":
            return
        if ended == CommandState.REJECTED and not order.is_wanted_back:
            self._requeue(order)
            return
        order.state = "CREDITED" if ended == CommandState.DONE else "REFUNDED"
        self._trace("settled", order.serial, f"{order.transaction} {order.state}")
        self.on_settled(order)

    def _requeue(self, order: Order) -> None:
        """A person has found that the meter never took it: its energy waits in a new credit."""
        before = order.command_id
        order.command_id = self._queue(order.serial, CommandKind.CREDIT, energy_kwh=order.energy_kwh)
        self.by_command[order.command_id] = self.by_command.pop(before)
        self.on_requeued(order, before)
        self._trace("requeued", order.serial, order.transaction)

    def books(self) -> list[str] | None:
        """What is wrong with the books; None here, where there are none."""
        return None

    def unsettled(self) -> list[UUID]:
        ended = self._office.store.ended
        return [o.command_id for o in self.orders.values() if o.state == "OPEN" and o.command_id in ended]

    # Members

    def wish(self, serial: str, on: bool) -> None:
        """A member switches; on is refused with nothing left, as the service does."""
        serial = self.meter_of(serial)
        if on and self._devices[serial].meter.remaining_kwh <= 0:
            return
        meter_id = self._office.meter_ids[serial]
        state = self._office.store.meters[meter_id]
        version = state.wish_version + 1
        self._office.store.meters[meter_id] = replace(state, wish_version=version)
        kind = CommandKind.POWER_ON if on else CommandKind.POWER_OFF
        command_id = self._queue(serial, kind, life=POWER_LIFE, wish_version=version)
        self.wishes.append(Wish(command_id, serial, version, on))
        self._trace("wish", serial, f"{'on' if on else 'off'} version {version}")

    def wishes_at_rest(self) -> list[Wish]:
        """Every wish that stands on record, those too whose process died before it could tell whoever asked."""
        return self.wishes

    def read(self, serial: str) -> None:
        serial = self.meter_of(serial)
        state = self._office.state(serial)
        if not any(command.kind == CommandKind.READ for command in state.commands):
            self._queue(serial, CommandKind.READ, life=READ_LIFE)

    def reset(self, serial: str, kind: CommandKind) -> bool:
        """A member has energy or purse set to zero; refused while a credit or a reset is open, as the service does."""
        state = self._office.state(serial)
        if any(command.is_credit or command.is_reset for command in state.commands):
            return False
        if kind == CommandKind.INIT_PURSE and any(order.serial == serial for order in self.orders.values()):
            return False
        self._queue(serial, kind, life=RESET_LIFE)
        return True

    def swap(self, serial: str, spare: Device) -> bool:
        """Another device is hung in the room; who lives there pays for that one from now on."""
        if serial in self._lives_in or not self._office.swap(serial, spare.serial, spare.profile.name):
            return False
        self._lives_in[serial] = spare.serial
        return True

    def meter_of(self, serial: str) -> str:
        """The meter that hangs now where this one was hung first."""
        return self._lives_in.get(serial, serial)

    # The operator

    def frozen_meters(self) -> list[str]:
        return self._office.frozen_meters()

    def ways_of(self, serial: str) -> list[Way] | None:
        return self._office.ways_of(serial)

    def ask_probe(self, serial: str) -> None:
        if not any(command.kind == CommandKind.PROBE for command in self._office.state(serial).commands):
            self._queue(serial, CommandKind.PROBE, life=READ_LIFE)

    def resolve(self, serial: str, way: Way) -> bool:
        """Take a way out; the orders it ends are settled or wait anew in the same breath."""
        head = self._office.state(serial).head_credit
        was_open = head is not None and head.number is not None
        body = self._office.state(serial).device_epoch
        self._office.resolve(serial, way)
        if head is not None:
            self.settle(head.id)
        return was_open and self._office.state(serial).device_epoch != body

    def _queue(
        self,
        serial: str,
        kind: CommandKind,
        *,
        energy_kwh: Decimal | None = None,
        life: timedelta | None = None,
        wish_version: int | None = None,
    ) -> UUID:
        now, command_id = self._office.now(), self.new_id()
        command = d.OpenCommand(
            id=command_id,
            kind=kind,
            state=CommandState.QUEUED,
            next_at=now,
            expires_at=now + life if life else None,
            energy_kwh=energy_kwh,
            wish_version=wish_version,
        )
        meter_id = self._office.meter_ids[serial]
        self._office.store.queue(meter_id, command)
        self._office.ring("meters.take_turn", meter_id=str(meter_id))
        return command_id

    # Phones

    def frame_stored(self, serial: str, frame: str) -> None:
        """A phone may fetch the stored bytes and race the network with them."""
        if self._devices[serial].meter.atomic_flash and self._faults.strikes(Fault.PHONE_CARRIES):
            self._time.after(self._dice.uniform(0, 12), self.carry, serial, frame, Fault.PHONE_CARRIES)

    def carry(self, serial: str, frame: str, fault: Fault) -> None:
        data = bytes.fromhex(frame)
        if fault is Fault.PHONE_ALTERS:
            place = self._dice.randrange(4, len(data))
            data = data[:place] + bytes([data[place] ^ self._dice.randrange(1, 256)]) + data[place + 1 :]
        self._faults.count(fault)
        self._trace(fault.name.lower(), serial, data.hex())
        self._devices[serial].brought_by_phone(data)

    def come(self, serial: str, fault: Fault) -> bool:
        """A phone opens a session for the head credit and says, up to minutes later, what the meter answered to its
        frames, or what the meter would answer if it had them."""
        head = self._office.hand_to_phone(serial)
        if head is None:
            return False
        profile = self._office.state(serial).profile
        questions = head.frames + frames.proof_reads(profile, serial)
        if fault is Fault.PHONE_LIES:
            said = forged(head, profile, questions)
        else:
            said = tuple(self._devices[serial].asked_by_phone(bytes.fromhex(frame)) for frame in questions)
        after_s = self._dice.uniform(0, 200)
        self._time.after(after_s, self._office.hear_phone, serial, head.id, questions, said)
        return True


def forged(credit: d.OpenCommand, profile: Profile, questions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the answers that would prove a credit, made without any meter."""
    assert credit.energy_kwh is not None
    assert credit.purchased_before_kwh is not None
    values = {
        profile.count_di: credit.number,
        profile.last_purchase_di: credit.energy_kwh,
        profile.purchased_di: credit.purchased_before_kwh + credit.energy_kwh,
    }
    lies = []
    for text in questions:
        asked = Frame.decode(bytes.fromhex(text))
        value = values.get(str(asked.di))
        lie = accept(asked) if text in credit.frames else None if value is None else answer_read(asked, value)
        lies.append(lie.encode().hex() if lie else "")
    return tuple(lies)

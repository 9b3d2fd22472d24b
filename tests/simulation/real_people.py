"""The same people through the product's own doors: orders, notifies, refunds, wishes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.accounts.doors import Found
from apps.common.errors import Refused
from apps.income.check_books import check_books
from apps.income.models import Payment, Recharge
from apps.income.services import cancelling, orders, payments, recharges, switching
from apps.income.states import Channel, RechargeKind, RechargeState
from apps.meters.models import Command
from apps.meters.services import acts, commands
from apps.meters.states import CommandKind, Way
from tests.income.two_payments import pay_otherwise
from tests.simulation.accountant import broken_seals, wrong_readings, wrong_sums
from tests.simulation.devices import Device
from tests.simulation.faults import Fault
from tests.simulation.on_record import paid_unheard, wishes_on_record
from tests.simulation.people import Order, Wish
from tests.simulation.real_desk import RealDesk, disagreements, unlike_the_ledger, wished_since
from tests.simulation.real_mistakes import AMOUNTS, Wrong
from tests.simulation.real_phones import RealPhones
from tests.simulation.virtual_time import START

AMOUNTS_YUAN = ("0.01", "10.00", "10.00", "12.34", "25.00", "50.00")
LENT_KWH = Decimal("1.00")
LAST_MIDNIGHT = (START - timedelta(days=1)).date()
NOTIFY_AGAIN_S = (15, 15, 30, 180)
ENDED = {RechargeState.CREDITED: "CREDITED", RechargeState.CANCELLED: "REFUNDED"}


class RealPeople(RealPhones):
    """Every act is a service's; what came of it is read from the books, and held against the platform's."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.platforms = self._office.surroundings.platforms
        for platform in self.platforms.values():
            platform.on_refund = self._refund_decided
        self._office.after_money = self.look_at_books
        self._office.people = self
        self._keys = 0
        self._by_recharge: dict[UUID, Order] = {}
        self._wished_unheard: set[str] = set()
        self.desk = RealDesk(self._time, self._dice, self._faults, self._office, self._asked)

    # Money

    def pay(self, serial: str, *, is_second: bool = False) -> None:
        serial = self.meter_of(serial)
        self._keys += 1
        amount = orders.parse_amount(self._dice.choice(AMOUNTS_YUAN))
        channel = self._dice.choice(list(Channel))
        self._press(serial, amount, channel, f"key-{self._keys}", 3)
        if not is_second and self._faults.hits(Fault.TWO_AT_ONCE):
            self.pay(serial, is_second=True)

    def _press(self, serial: str, amount: Decimal, channel: Channel, key: str, tries: int) -> None:
        """Open an order; after a server's death or a silent platform the payer presses again, with the same key."""

        def open_it(now: datetime) -> orders.Opened:
            return orders.open_order(
                found=self._office.found(serial),
                amount_yuan=amount,
                channel=channel,
                payer=None,
                payer_ip=None,
                caller="payer",
                idempotency_key=key,
                now=now,
            )

        opened = self._asked("order", open_it)
        if isinstance(opened, orders.Opened):
            self._pay(serial, opened)
            if self._dice.random() < 0.2:
                self._asked("order", open_it)
        elif tries and (opened is None or opened.code == "platform_busy"):
            self._time.after(2, self._press, serial, amount, channel, key, tries - 1)

    def _pay(self, serial: str, opened: orders.Opened) -> None:
        number, channel = opened.payment.out_trade_no, Channel(opened.payment.channel)
        order = Found(self._office.landlord_id, opened.order.pk)
        chance = self._dice.random()
        if chance < 0.1:
            self._time.after(self._dice.uniform(0, 5), self._cancel, order)
            self._time.after(self._dice.uniform(0, 5), self._money_moves, serial, channel, number)
        elif chance < 0.2:
            self._trace("never_paid", serial, "")
        elif chance < 0.4:
            self._switch(serial, order, opened)
        else:
            self._money_moves(serial, channel, number)

    def _cancel(self, order: Found) -> None:
        self._asked("cancel_order", lambda now: cancelling.cancel_order(found=order, now=now))
        self.look_at_books()

    def _switch(self, serial: str, order: Found, opened: orders.Opened) -> None:
        """The order is asked of the other channel too; whoever still has the first code may pay that one as well."""
        channel = Channel(opened.payment.channel)
        other = Channel.WECHAT if channel is Channel.ALIPAY else Channel.ALIPAY

        second = self._asked("switch", lambda now: pay_otherwise(order, other, now))
        self.look_at_books()
        paid = isinstance(second, Payment) and self._money_moves(serial, other, second.out_trade_no)
        again = paid and self._faults.strikes(Fault.PAID_TWICE)
        if again and self._money_moves(serial, channel, opened.payment.out_trade_no):
            self._faults.count(Fault.PAID_TWICE)

    def _money_moves(self, serial: str, channel: Channel, number: str) -> bool:
        if not self.platforms[channel].pay(number):
            return False
        self._paid += 1
        self._trace("paid", serial, f"t{self._paid}")
        if self._faults.hits(Fault.NOTIFY_FORGED):
            signed = self._dice.choice(("by somebody else", "for another key", "for another app"))
            self._notify(channel, number, "", len(NOTIFY_AGAIN_S), signed=signed)
        if self._faults.hits(Fault.NOTIFY_LATE):
            self._time.after(self._dice.uniform(60, 300), self._notify, channel, number)
        elif not self._faults.hits(Fault.NOTIFY_LOST):
            self._notify(channel, number)
        if self._faults.hits(Fault.NOTIFY_DOUBLED):
            self._time.after(self._dice.uniform(0, 20), self._notify, channel, number)
        if self._devices[serial].meter.atomic_flash and self._dice.random() < 0.35:
            fault = self._dice.choice((Fault.PHONE_TELLS, Fault.PHONE_LIES))
            self._time.after(self._dice.uniform(0, 3), self._come_for_it, serial, fault)
        if self._faults.is_awake(Fault.CANCEL_LATE) and self._dice.random() < 0.5:
            self._time.after(self._dice.choice((0, 0.5, 5, 30)), self.desk.give_back, number)
        return True

    def _notify(self, channel: str, number: str, refund: str = "", tries: int = 0, signed: str = "") -> None:
        """The platform repeats until it is answered with success."""
        body = json.dumps({"out_trade_no": number, "refund": refund}).encode()
        account_id = self._office.accounts[channel].pk
        answer = self._asked(
            "notify",
            lambda now: payments.take_notify(
                channel=channel, account_id=account_id, headers={"signed": signed}, body=body, now=now
            ),
        )
        self.look_at_books()
        if (answer is None or answer[0] != 200) and tries < len(NOTIFY_AGAIN_S):
            self._time.after(NOTIFY_AGAIN_S[tries], self._notify, channel, number, refund, tries + 1)

    def _refund_decided(self, channel: str, number: str, refund: str) -> None:
        if self._dice.random() < 0.4:
            self._time.after(self._dice.uniform(0, 40), self._notify, channel, number, refund)

    def cash(self, serial: str) -> None:
        """A member takes cash, for an amount or an energy, or gives energy away."""
        serial = self.meter_of(serial)
        by_energy = self._dice.random() < 0.3
        kind = self._dice.choice((RechargeKind.CASH, RechargeKind.GIFT, RechargeKind.CORRECTION))
        is_cash = kind is RechargeKind.CASH

        def recharge(now: datetime) -> None:
            with self._office.scope():
                recharges.recharge_by_member(
                    meter=self._office.meter(serial),
                    kind=kind,
                    amount_yuan=Decimal("20.00") if is_cash and not by_energy else None,
                    energy_kwh=None if is_cash and not by_energy else Decimal("5.00"),
                    reason="by hand",
                    by_id=self._office.owner.pk,
                    now=now,
                )

        self._asked("cash", recharge)
        self.look_at_books()

    def look_at_books(self) -> None:
        """Tell the checker of recharges that are new, wait in another credit, or ended."""
        with self._office.scope():
            rows = Recharge.objects.exclude(kind=RechargeKind.IMPORT).order_by("id")
            found = list(rows.values_list("pk", "command_id", "state", "energy_kwh", "meter__serial"))
            self.wishes += wished_since({wish.command_id for wish in self.wishes})
        for recharge_id, command_id, state, energy_kwh, serial in found:
            order = self._by_recharge.get(recharge_id)
            if order is None:
                order = Order(f"t{len(self.orders) + 1}", serial, energy_kwh, command_id)
                self.orders[order.transaction] = self._by_recharge[recharge_id] = order
                self.on_ordered(order)
            elif order.command_id != command_id:
                before, order.command_id = order.command_id, command_id
                self._trace("requeued", serial, order.transaction)
                self.on_requeued(order, before)
            if order.state == "OPEN" and state in ENDED:
                order.state = ENDED[RechargeState(state)]
                self._trace("settled", serial, f"{order.transaction} {order.state}")
                self.on_settled(order)

    def unsettled(self) -> list[UUID]:
        return []

    def books(self) -> list[tuple[str, str]]:
        """Say what is wrong with our books and between them and the platforms', and which invariant fell."""
        with self._office.scope():
            sums = list(wrong_sums())
            wrong = self.desk.left_undone()
            ours = {row.out_trade_no: row for row in Payment.objects.select_related("recharge")}
            for platform in self.platforms.values():
                for number, charged in platform.orders.items():
                    wrong += disagreements(number, charged, ours.get(number))
                wrong += unlike_the_ledger(platform, self._office.accounts[platform.channel].pk)
            sums += [*(("I3", text) for text in wrong), *(("I1", text) for text in check_books())]
            sums += wrong_readings()
        return [*sums, *broken_seals(self._office.landlord_id, self._office.now())]

    def has_work(self) -> bool:
        with self._office.scope():
            unheard = paid_unheard(self.platforms.values())
        return unheard or self.desk.has_work()

    # Members

    def wish(self, serial: str, on: bool) -> None:
        serial = self.meter_of(serial)
        remaining_kwh = self._devices[serial].meter.remaining_kwh
        keeps = self._dice.random() < 0.3

        def ask(now: datetime) -> Any:
            with self._office.scope():
                meter, by_id = self._office.meter(serial), self._office.owner.pk
                if keeps:
                    return acts.ask_keep_power(meter=meter, keep=on, reason="asked", by_id=by_id, now=now)
                lent_kwh = LENT_KWH if on and remaining_kwh <= 0 else None
                asked: dict[str, Any] = {"meter": meter, "on": on, "by_id": by_id, "reason": "asked"}
                asked |= {"remaining_kwh": remaining_kwh, "grace_kwh": lent_kwh}
                return switching.switch(**asked, now=now)

        command = self._asked("wish", ask)
        if command is None or (isinstance(command, Command) and command.kind == CommandKind.CREDIT):
            # Whoever asked was told nothing, or of a credit; what is wished of the relay stands in the record only.
            self._wished_unheard.add(serial)
            self.look_at_books()
        elif not isinstance(command, Refused):
            wished = None if keeps else on
            self.wishes.append(Wish(command.pk, serial, command.wish_version, wished))
            self._trace("wish", serial, f"{'keep ' if keeps else ''}{on} version {command.wish_version}")

    def wishes_at_rest(self) -> list[Wish]:
        with self._office.scope():
            meters = [(serial, self._office.meter(serial)) for serial in sorted(self._wished_unheard)]
            return [*self.wishes, *wishes_on_record(meters, self.wishes)]

    def swap(self, serial: str, spare: Device) -> bool:
        if serial in self._lives_in:
            return False
        if not self.desk.swap(serial, spare, self._devices[serial].meter.remaining_kwh):
            return False
        self._lives_in[serial] = spare.serial
        return True

    def frozen_meters(self) -> list[str]:
        return self.desk.frozen_meters()

    def ways_of(self, serial: str) -> list[Way] | None:
        return self.desk.ways_of(serial)

    def ask_probe(self, serial: str) -> None:
        self.desk.ask_probe(serial)

    def resolve(self, serial: str, way: Way) -> bool:
        return self.desk.resolve(serial, way)

    def read(self, serial: str) -> None:
        serial = self.meter_of(serial)
        asks = self._dice.choice(("read", "clock", "lamp", "opening", "freeze"))

        def ask(now: datetime) -> Any:
            with self._office.scope():
                meter, by_id = self._office.meter(serial), self._office.owner.pk
                if asks == "clock":
                    return acts.ask_clock(meter=meter, by_id=by_id, now=now)
                if asks == "lamp":
                    return acts.ask_lamp(meter=meter, on=self._dice.random() < 0.5, by_id=by_id, now=now)
                if asks == "freeze":
                    days = self._dice.choice((0, 0, 1, 200))
                    date = LAST_MIDNIGHT - timedelta(days=days)
                    return commands.ask_freeze(meter=meter, freeze_date=date, now=now)
                if asks == "opening" and self._dice.random() < 0.5:
                    return acts.ask_opening(meter=meter, by_id=by_id, now=now)
                if asks == "opening":
                    return acts.open_account_where_wanted(meter=meter, by_id=by_id, now=now)
                return commands.ask_read(meter=meter, by_id=by_id, now=now)

        self._asked(asks, ask)

    def reset(self, serial: str, kind: CommandKind) -> bool:
        if kind == CommandKind.INIT_PURSE and any(order.serial == serial for order in self.orders.values()):
            return False

        def ask(now: datetime) -> Any:
            with self._office.scope():
                return acts.ask_reset(
                    meter=self._office.meter(serial),
                    kind=kind,
                    reason="a new renter",
                    typed_serial=serial,
                    by_id=self._office.owner.pk,
                    now=now,
                )

        asked = self._asked("reset", ask)
        return asked is not None and not isinstance(asked, Refused)

    def blunder(self, serial: str) -> None:
        """Somebody gets something wrong, and hears so."""
        wrong = Wrong(self._office, self.meter_of(serial), self._dice.choice(AMOUNTS))
        said = self._asked("blunder", self._dice.choice(wrong.acts()))
        if not (said is None or isinstance(said, Refused)):
            raise AssertionError(f"a mistake was accepted: {said}")

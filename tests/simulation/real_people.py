"""The same people through the product's own doors: orders, notifies, refunds, wishes, phones."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.common.errors import Refused
from apps.income.check_books import check_books
from apps.income.models import Payment, Recharge
from apps.income.services import cancelling, orders, payments, recharges, refund_asking
from apps.income.states import Channel, PaymentState, RechargeKind, RechargeState
from apps.meters import frames
from apps.meters.post import ValkeyPost
from apps.meters.services import acts, commands, phone
from apps.meters.states import CommandKind, Errand
from tests.simulation.faults import Fault
from tests.simulation.people import Order, People, Wish, forged

AMOUNTS_YUAN = ("0.01", "2.28", "6.50", "6.50", "10.00", "25.00", "50.00")
NOTIFY_AGAIN_S = (15, 15, 30, 180)
ENDED = {RechargeState.CREDITED: "CREDITED", RechargeState.CANCELLED: "REFUNDED"}


class RealPeople(People):
    """Every act is a service's; what came of it is read from the books, and held against the platform's."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.platform = self._office.surroundings.platform
        self._office.after_money = self.look_at_books
        self._keys = 0

    # Money

    def pay(self, serial: str, *, is_second: bool = False) -> None:
        self._keys += 1
        amount = Decimal(self._dice.choice(AMOUNTS_YUAN))
        self._press(serial, amount, f"key-{self._keys}", 3)
        if not is_second and self._faults.hits(Fault.TWO_AT_ONCE):
            self.pay(serial, is_second=True)

    def _press(self, serial: str, amount: Decimal, key: str, tries: int) -> None:
        """Open an order; after a server's death or a silent platform the payer presses again, with the same key."""

        def open_it(now: datetime) -> orders.Opened:
            return orders.open_order(
                found=self._office.found(serial),
                amount_yuan=amount,
                channel=Channel.WECHAT,
                payer=None,
                payer_ip=None,
                caller="payer",
                idempotency_key=key,
                now=now,
            )

        opened = self._asked("order", open_it)
        if isinstance(opened, orders.Opened):
            self._pay(serial, opened)
        elif tries and (opened is None or opened.code == "platform_busy"):
            self._time.after(2, self._press, serial, amount, key, tries - 1)

    def _pay(self, serial: str, opened: orders.Opened) -> None:
        number = opened.payment.out_trade_no
        if self._dice.random() < 0.1:
            found = orders.Found(self._office.landlord_id, opened.order.pk)
            self._time.after(
                self._dice.uniform(0, 5),
                lambda: self._asked(
                    "cancel_order", lambda now: cancelling.cancel_order(found=found, now=now)
                ),
            )
            self._time.after(self._dice.uniform(0, 5), self._money_moves, serial, number)
        else:
            self._money_moves(serial, number)

    def _money_moves(self, serial: str, number: str) -> None:
        if not self.platform.pay(number):
            return
        self._paid += 1
        self._trace("paid", serial, f"t{self._paid}")
        if self._faults.hits(Fault.NOTIFY_LATE):
            self._time.after(self._dice.uniform(60, 300), self._notify, number, 0)
        elif not self._faults.hits(Fault.NOTIFY_LOST):
            self._notify(number, 0)
        if self._faults.hits(Fault.NOTIFY_DOUBLED):
            self._time.after(self._dice.uniform(0, 20), self._notify, number, 0)
        if self._faults.is_awake(Fault.CANCEL_LATE) and self._dice.random() < 0.5:
            self._time.after(self._dice.choice((0, 0.5, 5, 30)), self._refund, number)

    def _notify(self, number: str, tries: int) -> None:
        """The platform repeats until it is answered with success."""
        body = json.dumps({"out_trade_no": number}).encode()
        account_id = self._office.account.pk
        answer = self._asked(
            "notify",
            lambda now: payments.take_notify(
                channel="wechat", account_id=account_id, headers={}, body=body, now=now
            ),
        )
        self.look_at_books()
        if (answer is None or answer[0] != 200) and tries < len(NOTIFY_AGAIN_S):
            self._time.after(NOTIFY_AGAIN_S[tries], self._notify, number, tries + 1)

    def _refund(self, number: str) -> None:
        with self._office.scope():
            row = Payment.objects.select_related("recharge__command").filter(out_trade_no=number).first()
        if row is None or row.state != PaymentState.PAID:
            return
        credit = getattr(row, "recharge", None)
        if credit is not None and credit.command.number is not None:
            self._faults.count(Fault.CANCEL_LATE)

        def give_back(now: datetime) -> None:
            with self._office.scope():
                refund_asking.ask_refund(
                    post=ValkeyPost(), payment_id=row.pk, reason="asked", by_id=self._office.owner.pk, now=now
                )

        self._asked("refund", give_back)
        self.look_at_books()

    def cash(self, serial: str) -> None:
        """A member takes cash, or gives energy away."""
        kind = self._dice.choice((RechargeKind.CASH, RechargeKind.GIFT, RechargeKind.CORRECTION))
        is_cash = kind is RechargeKind.CASH

        def recharge(now: datetime) -> None:
            with self._office.scope():
                recharges.recharge_by_member(
                    meter=self._office.meter(serial),
                    kind=kind,
                    amount_yuan=Decimal("20.00") if is_cash else None,
                    energy_kwh=None if is_cash else Decimal("5.00"),
                    reason="by hand",
                    by_id=self._office.owner.pk,
                    now=now,
                )

        self._asked("cash", recharge)
        self.look_at_books()

    def look_at_books(self) -> None:
        """Tell the checker of recharges that are new and of those that ended."""
        with self._office.scope():
            rows = list(
                Recharge.objects.order_by("id").values_list(
                    "command_id", "state", "energy_kwh", "meter__serial"
                )
            )
        for command_id, state, energy_kwh, serial in rows:
            order = self.by_command.get(command_id)
            if order is None:
                order = Order(f"t{len(self.orders) + 1}", serial, energy_kwh, command_id)
                self.orders[order.transaction] = self.by_command[command_id] = order
                self.on_ordered(order)
            if order.state == "OPEN" and state in ENDED:
                order.state = ENDED[RechargeState(state)]
                self._trace("settled", serial, f"{order.transaction} {order.state}")
                self.on_settled(order)

    def unsettled(self) -> list[UUID]:
        return []

    def books(self) -> list[str]:
        """Say what is wrong between our books and the platform's; nothing, one hopes."""
        with self._office.scope():
            wrong = check_books()
            ours = {
                row.out_trade_no: row
                for row in Payment.objects.select_related("recharge__command", "order__meter")
            }
        for number, charged in self.platform.orders.items():
            if not charged.transaction_id:
                continue
            row = ours.get(number)
            if row is None or (row.state, row.transaction_id) != (PaymentState.PAID, charged.transaction_id):
                wrong.append(f"payment {number} was made, and is {row.state if row else 'unknown'} here")
                continue
            back = sum(charged.given_back.values(), Decimal(0))
            credit = getattr(row, "recharge", None)
            state = credit.state if credit is not None else RechargeState.CANCELLED
            owed = charged.amount_yuan if state == RechargeState.CANCELLED else Decimal(0)
            if back != owed:
                wrong.append(f"{back} yuan of {number} went back instead of {owed} ({state})")
        per_order = Counter(row.order_id for row in ours.values() if row.state == PaymentState.PAID)
        wrong += [f"order {order} was paid {times} times" for order, times in per_order.items() if times > 1]
        return wrong

    # Members

    def wish(self, serial: str, on: bool) -> None:
        remaining_kwh = self._devices[serial].meter.remaining_kwh

        def ask(now: datetime) -> Any:
            with self._office.scope():
                return commands.ask_power(
                    meter=self._office.meter(serial),
                    on=on,
                    reason="asked",
                    by_id=self._office.owner.pk,
                    now=now,
                    remaining_kwh=remaining_kwh,
                )

        command = self._asked("wish", ask)
        if command is not None and not isinstance(command, Refused):
            self.wishes.append(Wish(command.pk, serial, command.wish_version, on))
            self._trace("wish", serial, f"{'on' if on else 'off'} version {command.wish_version}")

    def read(self, serial: str) -> None:
        asks = self._dice.choice(("read", "clock", "lamp", "opening", "read"))

        def ask(now: datetime) -> Any:
            with self._office.scope():
                meter, by_id = self._office.meter(serial), self._office.owner.pk
                if asks == "clock":
                    return acts.ask_clock(meter=meter, by_id=by_id, now=now)
                if asks == "lamp":
                    return acts.ask_lamp(meter=meter, on=self._dice.random() < 0.5, by_id=by_id, now=now)
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

    # Phones

    def come(self, serial: str, fault: Fault) -> bool:
        def open_session(now: datetime) -> phone.Errands:
            with self._office.scope():
                return phone.open_session(
                    post=ValkeyPost(),
                    meter=self._office.meter(serial),
                    errand=Errand.RECHARGE,
                    command_id=None,
                    by_id=None,
                    keeps_readings=False,
                    now=now,
                )

        errands = self._asked("phone", open_session)
        if not isinstance(errands, phone.Errands):
            return False
        self._carry(serial, fault, errands)
        return True

    def _carry(self, serial: str, fault: Fault, errands: phone.Errands) -> None:
        """Bring what was handed out, or keep it and lie; tell of it, sooner or later, perhaps in two parts."""
        state = self._office.state(serial)
        head = state.head_credit
        hexes = tuple(frame for _, frame in errands.frames)
        if fault is Fault.PHONE_LIES and head is not None and head.number is not None:
            questions = head.frames + frames.proof_reads(state.profile, serial)
            by_frame = dict(zip(questions, forged(head, state.profile, questions), strict=True))
            heard = [by_frame.get(frame, "") for frame in hexes]
        else:
            heard = [self._devices[serial].asked_by_phone(bytes.fromhex(frame)) for frame in hexes]
        said = [phone.Said(seq, text) for (seq, _), text in zip(errands.frames, heard, strict=True)]
        cut = self._dice.randrange(len(said) + 1)
        after_s = self._dice.uniform(0, 200)
        for part, late_s in ((said[:cut], 0), (said[cut:], self._dice.uniform(0, 30))):
            if part:
                self._time.after(after_s + late_s, self._tell, serial, fault, errands.session.pk, part)

    def _tell(self, serial: str, fault: Fault, session_id: UUID, said: list[phone.Said]) -> None:
        def tell(now: datetime) -> phone.Errands:
            with self._office.scope():
                return phone.take_answers(post=ValkeyPost(), session_id=session_id, said=said, now=now)

        errands = self._asked("phone", tell)
        if isinstance(errands, phone.Errands) and errands.frames and errands.frames[0][0] > said[-1].seq:
            self._carry(serial, fault, errands)

    def _asked(self, name: str, act: Any) -> Any:
        """Do it in a process; a refusal is returned, None is a process that died."""

        def polite(now: datetime) -> Any:
            try:
                return act(now)
            except Refused as refusal:
                return refusal

        return self._office.work(name, polite)

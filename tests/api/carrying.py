"""A meter with a Bluetooth end beside one of the street's houses, and the order that waits for it."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from apps.accounts import doors
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount, Payment
from apps.meters.models import Command, Meter
from tests.api.caller import Answer, Caller
from tests.landing import scene
from tests.meter_gateway.simulator.bench import CUSTOMER, meter_on_bench, port_on_bench
from tests.orders import order_of_fifty
from tests.people import House

START_KWH = Decimal("160.00")


@dataclass
class Stairwell:
    """One house's meter as a device; `caller` stands before it with a phone."""

    house: House
    caller: Caller

    def __post_init__(self) -> None:
        self.now = timezone.now()
        self.device = meter_on_bench(load_kw="0", now=self.now)
        self.device.state = replace(self.device.state, serial=self.house.meter.serial)
        self.port = port_on_bench(self.device)

    def know_count(self) -> "Stairwell":
        """The meter was read once, when it still had a network."""
        with landlord_scope(self.house.landlord.pk):
            Meter.objects.filter(pk=self.house.meter.pk).update(
                purchase_count=3, purchased_kwh=START_KWH, customer_no=CUSTOMER
            )
        return self

    def paid_order(self, no: str = "R1", *, at: datetime | None = None) -> str:
        """Fifty yuan for this meter, paid."""
        now = at or self.now
        with landlord_scope(self.house.landlord.pk):
            account, _new = CollectionAccount.objects.get_or_create(channel="wechat", merchant_id="M1")
            order = order_of_fifty(self.house, no, at=now)
            doors.hang(doors.Kind.ORDER, no, object_id=order.pk)
            Payment.objects.create(
                order=order,
                account=account,
                channel="wechat",
                out_trade_no=f"{no}01",
                amount_yuan=order.amount_yuan,
                created_at=now,
            )
        scene.pay(self.house, no, at=now)
        return no

    def open(self, purpose: str = "recharge", *, caller: Caller | None = None, **body: Any) -> Answer:
        if purpose == "recharge":
            body.setdefault("order", "R1")
        address = f"q/{self.house.meter.qr_token}/phone-sessions"
        return (caller or self.caller).post(address, {"purpose": purpose, **body})

    def ask(self, frame: dict[str, Any]) -> str:
        """Write one frame to the meter; returns what it notified."""
        answers = self.port.receive(bytes.fromhex(frame["hex"]), self.now)
        return b"".join(answer.raw for answer in answers).hex()

    def answers(self, frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"seq": frame["seq"], "hex": self.ask(frame)} for frame in frames]

    def say(self, session: dict[str, Any], *answers: dict[str, Any], **more: Any) -> Answer:
        address = f"phone-sessions/{session['id']}/frames"
        return self.caller.post(address, {"answers": list(answers), **more})

    def bought(self) -> tuple[int, Decimal]:
        return self.device.state.purchase_count - 3, self.device.purchased_kwh - START_KWH

    def command(self) -> Command:
        with landlord_scope(self.house.landlord.pk):
            command: Command = Command.objects.filter(meter=self.house.meter, kind="CREDIT").earliest("id")
            return command

    def meter(self) -> Meter:
        with landlord_scope(self.house.landlord.pk):
            meter: Meter = Meter.objects.get(pk=self.house.meter.pk)
            return meter

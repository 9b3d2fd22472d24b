"""An order of Li's renter and what platforms, pollers and meters do about it, told in one line each."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import requests
from django.db import DatabaseError, connection

from apps.accounts.doors import Found
from apps.common.scoping import landlord_scope
from apps.income.check_books import check_books
from apps.income.models import Payment, Recharge, Refund
from apps.income.platforms.base import RefundResult
from apps.income.services.orders import open_order
from apps.income.services.payments import Applied, poll_payment
from apps.income.services.refund_asking import ask_refund
from apps.income.services.refunds import apply_refund_result, send_refund
from apps.income.states import Channel
from apps.meters.deciding import SendLetter
from apps.meters.models import Command
from apps.sandbox.wechat_content import REFUND_TAKES
from tests.people import House


class NobodysPost:
    """Carries no letter."""

    def ask(self, serial: str, letter: SendLetter) -> None:
        """Lost."""

    def grant(self, gateway: str, serial: str, session: Any, epoch: int) -> None:
        """Lost."""

    def refuse(self, gateway: str, serial: str, session: Any, reason: str) -> None:
        """Lost."""


@dataclass
class Scene:
    """One house and the pretend platforms' address; `now` moves on with every act."""

    house: House
    sandbox: str
    now: datetime

    @property
    def found(self) -> Found:
        return Found(self.house.landlord.pk, self.house.meter.pk)

    def later(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def order(self, channel: Channel = Channel.WECHAT, amount: str = "50.00", key: str = "") -> Payment:
        return open_order(
            found=self.found,
            amount_yuan=Decimal(amount),
            channel=channel,
            payer=None,
            payer_ip=None,
            caller="test",
            idempotency_key=key,
            now=self.now,
        ).payment

    def pay(self, payment: Payment) -> None:
        """The payer scans and confirms."""
        requests.get(f"{self.sandbox}/cashier/{payment.out_trade_no}", timeout=5).raise_for_status()
        requests.post(
            f"{self.sandbox}/orders/{payment.out_trade_no}/pay", json={}, timeout=5
        ).raise_for_status()

    def poll(self, payment: Payment) -> Applied:
        return poll_payment(landlord_id=self.house.landlord.pk, payment_id=payment.pk, now=self.later(6))

    def paid(self, channel: Channel = Channel.WECHAT, amount: str = "50.00") -> Payment:
        payment = self.order(channel, amount)
        self.pay(payment)
        assert self.poll(payment) is Applied.PAID
        return payment

    def refund(self, payment: Payment, reason: str = "wrong meter", amount: str | None = None) -> Refund:
        with landlord_scope(self.house.landlord.pk):
            return ask_refund(
                post=NobodysPost(),
                payment_id=payment.pk,
                reason=reason,
                by_id=self.house.owner.pk,
                now=self.later(1),
                amount_yuan=None if amount is None else Decimal(amount),
            )

    def send(self, refund: Refund, after_s: float = 4000) -> Refund:
        send_refund(landlord_id=self.house.landlord.pk, refund_id=refund.pk, now=self.later(after_s))
        return self.seen(refund)

    def seen(self, row: Any) -> Any:
        with landlord_scope(self.house.landlord.pk):
            return type(row).objects.get(pk=row.pk)

    def recharge(self, payment: Payment) -> Recharge:
        with landlord_scope(self.house.landlord.pk):
            return Recharge.objects.select_related("command").get(payment=payment)

    def command(self, payment: Payment, **changes: Any) -> None:
        """The meter's side of it came to this."""
        with landlord_scope(self.house.landlord.pk):
            Command.objects.filter(recharge__payment=payment).update(**changes)

    def gone_back(self, payment: Payment) -> str:
        """What the platform itself says went back, in yuan."""
        seen = requests.get(f"{self.sandbox}/orders/{payment.out_trade_no}", timeout=5).json()
        return str(seen["refunded_yuan"])

    def books(self) -> list[str]:
        with landlord_scope(self.house.landlord.pk):
            return check_books()


def scene_of(house: House, sandbox: str) -> Scene:
    return Scene(house, sandbox, datetime.now(UTC))


def in_threads(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Do it in so many threads at once; what the database refused is not among the results."""
    results: list[Any] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        try:
            results.append(act(number))
        except DatabaseError:
            """A race lost, as it should be."""
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def wait_for_the_platform() -> None:
    """The pretend WeChat takes a moment for a refund."""
    until = time.monotonic() + REFUND_TAKES.total_seconds()
    while time.monotonic() < until:
        time.sleep(0.05)


def platform_says(scene: Scene, payment: Payment, refund: Refund, state: str, amount: str = "50.00") -> None:
    """The platform says of a refund, by notify or when asked, that it is in this state."""
    result = RefundResult(
        out_refund_no=refund.out_refund_no,
        state=state,  # type: ignore[arg-type]
        refund_yuan=Decimal(amount),
        evidence={"status": state},
    )
    with landlord_scope(scene.house.landlord.pk):
        apply_refund_result(account=payment.account, result=result, now=scene.now)

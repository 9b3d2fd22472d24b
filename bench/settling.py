"""What settling a payment costs, against the bare SQL of the very statements the service sends.

The floor is no guess: every payment of a floor round is settled once with its statements written down and then taken
back, and the round sends the same statements with the same values over one plain connection, a transaction each. Rows
are real, row security is in force, and both sides fetch what the database answers.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from bench.rows import missed, row
from bench.servers import cpu_seconds
from config.demo.testing import TestServers, start_test_servers

ROOT = Path(__file__).resolve().parent.parent
RATIO_GOAL = 0.25
METERS = 25
PAYMENTS = 200
WARM = 20
# Waiting would only bring the two sides nearer to each other.
NEVER_WAIT_FOR_THE_DISK = "SET synchronous_commit TO off"

Statements = list[tuple[str, Any]]


class TakenBack(Exception):
    """Ends a settlement that was only written down."""


class Scene:
    """Li's house with a few meters, each let, and her orders at WeChat Pay."""

    def __init__(self, state: Path) -> None:
        from apps.common.scoping import landlord_scope
        from apps.income.models import CollectionAccount
        from apps.income.states import Channel
        from apps.meters.models import Room
        from apps.meters.services import registry
        from apps.sandbox.certificates import load_private
        from apps.sandbox.merchants import make_merchants
        from tests.landing.scene import takes_payments
        from tests.people import NOON, build_street

        book = make_merchants(state, ["li"])
        self.house = house = build_street().li
        [self.entry] = book["wechat"]
        self.key = load_private((state / "platform" / f"wechat-{self.entry['mchid']}.pem").read_text("ascii"))
        takes_payments(house, book, "li", Channel.WECHAT, at=NOON)
        self.landlord_id = house.landlord.pk
        self.meters = []
        self.made = 0
        with landlord_scope(self.landlord_id):
            self.account = CollectionAccount.objects.get(channel="wechat")
            for number in range(METERS):
                stocked = registry.stock_meter(serial=f"{500 + number:012d}", profile="dtsy-4g-ble", now=NOON)
                room = Room.objects.create(site=house.room.site, building="4", name=f"{number}")
                meter = registry.hang_meter(stocked=stocked, room=room, by_id=house.owner.pk, now=NOON)
                lease = registry.begin_lease(
                    meter=meter, renter=house.renter, starts_at=NOON, by_id=house.owner.pk, now=NOON
                )
                self.meters.append((meter, lease))

    def orders(self, count: int) -> list[str]:
        """Make so many orders that wait for their money; their numbers at the platform."""
        from apps.common.scoping import landlord_scope
        from apps.income.models import Order, Payment
        from apps.income.states import PaymentState

        now = datetime.now(UTC)
        numbers = [f"B{self.made + number:08d}" for number in range(count)]
        self.made += count
        with landlord_scope(self.landlord_id):
            orders = [
                Order(
                    no=no,
                    meter=meter,
                    lease=lease,
                    channel="wechat",
                    amount_yuan=Decimal("50.00"),
                    price_yuan_per_kwh=Decimal("0.6500"),
                    quoted_energy_kwh=Decimal("76.92"),
                    created_at=now,
                    expires_at=now + timedelta(minutes=30),
                )
                for number, no in enumerate(numbers)
                for meter, lease in [self.meters[number % METERS]]
            ]
            Order.objects.bulk_create(orders)
            Payment.objects.bulk_create(
                Payment(
                    order=order,
                    account=self.account,
                    channel="wechat",
                    out_trade_no=order.no,
                    amount_yuan=order.amount_yuan,
                    state=PaymentState.PENDING,
                    created_at=now,
                )
                for order in orders
            )
        return numbers

    def result(self, out_trade_no: str) -> Any:
        """What the adapter says once it has proved a notify."""
        from apps.income.platforms.base import PlatformResult

        return PlatformResult(
            channel="wechat",
            merchant_id=self.account.merchant_id,
            app_id=self.entry["appid"],
            out_trade_no=out_trade_no,
            transaction_id=f"42{out_trade_no}",
            state="PAID",
            amount_yuan=Decimal("50.00"),
            currency="CNY",
            paid_at=datetime.now(UTC),
            payer_id="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
            evidence={"notify_id": out_trade_no, "trade_state": "SUCCESS"},
        )

    def settle(self, out_trade_no: str, *, take_back: bool = False) -> None:
        """The one way in, committed; with `take_back` everything but the commit."""
        from apps.common.scoping import landlord_scope
        from apps.income.services.payments import Applied, apply_payment_result

        result = self.result(out_trade_no)
        with landlord_scope(self.landlord_id):
            applied = apply_payment_result(account=self.account, result=result, now=datetime.now(UTC))
            if applied is not Applied.PAID:
                raise AssertionError(f"{out_trade_no}: {applied}")
            if take_back:
                raise TakenBack

    def written_down(self, out_trade_no: str) -> Statements:
        """What settling this payment sends, though nothing of it stays."""
        from django.db import connection

        statements: Statements = []

        def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            statements.append((sql, params))
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(note):
                self.settle(out_trade_no, take_back=True)
        except TakenBack:
            pass
        return statements

    def notify(self, out_trade_no: str) -> tuple[dict[str, str], bytes]:
        from tests.income.platforms.notes import wechat_notify, wechat_transaction

        content = wechat_transaction(
            self.entry, out_trade_no=out_trade_no, transaction_id=f"42{out_trade_no}"
        )
        return wechat_notify(self.entry, self.key, content, datetime.now(UTC))

    def take(self, posted: tuple[dict[str, str], bytes]) -> None:
        """The same from the bytes on: the signature proved, the seal opened, the payment settled."""
        from apps.income.services.payments import take_notify

        headers, body = posted
        status, _, answer = take_notify(
            channel="wechat",
            account_id=UUID(str(self.account.pk)),
            headers=headers,
            body=body,
            now=datetime.now(UTC),
        )
        if status != 200:
            raise AssertionError(answer)


class Plain:
    """One connection of the application's login, and nothing of ours in the way."""

    def __init__(self) -> None:
        from django.db import connection

        connection.ensure_connection()
        described = connection.get_connection_params()
        wanted = {name: described[name] for name in ("host", "port", "user", "password", "dbname")}
        self.connection = psycopg.connect(**{k: v for k, v in wanted.items() if v})
        self.connection.execute(NEVER_WAIT_FOR_THE_DISK)
        self.connection.commit()
        self.process_id = self.connection.info.backend_pid

    def send(self, statements: Statements) -> None:
        with self.connection.cursor() as cursor:
            for sql, params in statements:
                cursor.execute(sql, params or None)
                if cursor.description is not None:
                    cursor.fetchall()
        self.connection.commit()


class Timing:
    """How long one act took each time, and the processor time of it, ours and the database's."""

    def __init__(self, backend: int) -> None:
        self._backend = backend
        self._took_s: list[float] = []
        self._spent_s = 0.0

    def note(self, act: Callable[[Any], None], what: Any) -> None:
        self._spent_s -= time.process_time() + cpu_seconds(self._backend)
        started = time.perf_counter()
        act(what)
        self._took_s.append(time.perf_counter() - started)
        self._spent_s += time.process_time() + cpu_seconds(self._backend)

    @property
    def rate(self) -> float:
        """A second's worth at the median: what else the machine did for a moment does not count."""
        return 1 / statistics.median(self._took_s)

    @property
    def spent_ms(self) -> float:
        return self._spent_s * 1000 / len(self._took_s)


def throughput(scene: Scene) -> float:
    """One of each in turn, so that all of them meet the same machine; returns the floor's processor time in ms."""
    from django.db import connection

    plain = Plain()
    with connection.cursor() as cursor:
        cursor.execute(NEVER_WAIT_FOR_THE_DISK)
    backend = connection.connection.info.backend_pid
    floor, settled, taken = Timing(plain.process_id), Timing(backend), Timing(backend)
    numbers = iter(scene.orders(3 * (PAYMENTS + WARM)))
    for turn in range(PAYMENTS + WARM):
        if turn == WARM:
            floor, settled, taken = Timing(plain.process_id), Timing(backend), Timing(backend)
        statements = scene.written_down(next(numbers))
        floor.note(plain.send, statements)
        settled.note(scene.settle, next(numbers))
        taken.note(scene.take, scene.notify(next(numbers)))
    row(f"floor: its {len(statements)} statements, one plain connection, /s", f"{floor.rate:,.0f}")
    row("settle a verified payment, /s", f"{settled.rate:,.0f}")
    ratio = settled.rate / floor.rate
    row("  ratio to the floor", f"{ratio:.2f}", f">= {RATIO_GOAL}", ratio >= RATIO_GOAL)
    row("from the notify's bytes (signature, seal), /s", f"{taken.rate:,.0f}")
    row("  ratio to the floor", f"{taken.rate / floor.rate:.2f}")
    row("floor, processor time of one with the database, ms", f"{floor.spent_ms:.1f}")
    row("settle a verified payment, ms", f"{settled.spent_ms:.1f}")
    ratio = floor.spent_ms / settled.spent_ms
    row("  ratio to the floor", f"{ratio:.2f}", f">= {RATIO_GOAL}", ratio >= RATIO_GOAL)
    row("from the notify's bytes, ms", f"{taken.spent_ms:.1f}")
    row("  ratio to the floor", f"{floor.spent_ms / taken.spent_ms:.2f}")
    plain.connection.close()
    return floor.spent_ms


def books(scene: Scene) -> None:
    """What was measured was real: every payment is in the books, and they hold."""
    from apps.common.scoping import landlord_scope
    from apps.income.check_books import check_books
    from apps.income.models import Payment, Recharge

    with landlord_scope(scene.landlord_id):
        wrong = check_books()
        paid = Payment.objects.filter(state="PAID").count()
        if wrong or paid != scene.made or Recharge.objects.count() != paid:
            raise AssertionError(f"{paid} of {scene.made} paid; {wrong[:3]}")
    row("payments settled meanwhile, books in order", f"{paid:,}")


def database(servers: TestServers) -> Iterator[None]:
    """An empty database of its own, made by the owner, used as the application."""
    import django

    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings.test",
        DATABASE_URL=servers.app_url,
        OWNER_DATABASE_URL=servers.owner_url,
        BROKER_URL=servers.broker_url,
    )
    django.setup()
    from django.conf import settings
    from django.db import connection

    from apps.common.owner import as_owner

    described: Any = settings.DATABASES["default"]
    described["TEST"]["NAME"] = "bench_settling"
    before = described["NAME"]
    with as_owner():
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    yield
    with as_owner():
        connection.creation.destroy_test_db(before, verbosity=0)


def main() -> int:
    servers = start_test_servers(ROOT / "var", durable=True)
    try:
        for _ in database(servers):
            # Reads the settings, which are made by now.
            from bench.notifies import paced

            with tempfile.TemporaryDirectory() as state:
                scene = Scene(Path(state))
                floor_ms = throughput(scene)
                paced(scene, servers, floor_ms, Path(state) / "web.log")
                books(scene)
    finally:
        servers.stop()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

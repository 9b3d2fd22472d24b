"""Bills where the merchant is not the landlord's own: a sub-merchant's rows (S2), and the operator's bill that she
shares with others (S3)."""

import shutil
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.common.platforms import BEIJING
from apps.common.scoping import landlord_scope
from apps.income.models import BillRow, CollectionAccount, Payment
from apps.income.services.bills import take_bill
from apps.income.services.recharge_ends import settle
from apps.income.states import Channel, PaymentState
from apps.income.strategies import Strategy
from apps.meters.states import CommandState
from apps.sandbox.server import SandboxServer
from tests.income.collecting import collecting, sub_merchant
from tests.income.scene import Scene, scene_of
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")
BOTH = pytest.mark.parametrize("channel", list(Channel))


@pytest.fixture
def platforms(
    paying_street: Street, sandbox_state: Path, tmp_path: Path, settings: Any, book: dict[str, Any]
) -> Iterator[SandboxServer]:
    """The pretend platforms with the same merchants and an empty day."""
    own = tmp_path / "platforms"
    shutil.copytree(sandbox_state, own, ignore=shutil.ignore_patterns("sandbox.sqlite3*"))
    server = SandboxServer(own, 0)
    server.start()
    settings.SANDBOX_URL, settings.PROVIDER_ACCOUNTS = server.url, book["provider"]
    yield server
    server.stop()


def _delivered(scene: Scene, *payments: Payment) -> None:
    for payment in payments:
        scene.command(payment, state=CommandState.DONE)
        with landlord_scope(scene.house.landlord.pk):
            settle(command_id=scene.recharge(payment).command_id, now=scene.now)


def _compared(scene: Scene, account: CollectionAccount) -> tuple[Any, set[tuple[str, str]], list[str]]:
    today = scene.now.astimezone(BEIJING).date()
    morning = datetime.combine(today + timedelta(days=1), time(10, 30), BEIJING)
    bill = take_bill(landlord_id=account.landlord_id, account_id=account.pk, day=today, now=morning)
    assert bill is not None
    with landlord_scope(scene.house.landlord.pk):
        found = set(bill.differences.values_list("kind", "number"))
        rows = sorted(BillRow.objects.filter(bill=bill).values_list("out_trade_no", flat=True))
    return bill, found, rows


@BOTH
def test_a_sub_merchants_bill_is_fetched_by_the_provider_and_books_what_was_lost(
    paying_street: Street, platforms: SandboxServer, book: dict[str, Any], channel: Channel
) -> None:
    scene = scene_of(paying_street.li, platforms.url)
    account = sub_merchant(scene, book, channel)
    known, lost = scene.paid(channel, "50.00"), scene.order(channel, "20.00")
    scene.pay(lost)
    _delivered(scene, known)
    bill, found, rows = _compared(scene, account)
    assert rows == sorted([known.out_trade_no, lost.out_trade_no])
    assert found == {("LOST_NOTIFY", lost.out_trade_no)}
    assert scene.seen(lost).state == PaymentState.PAID
    assert bill.bill_paid_yuan == bill.ours_paid_yuan == Decimal("70.00")
    assert scene.books() == []


@BOTH
def test_the_collectors_bill_shows_each_landlord_her_own_rows_and_no_others(
    paying_street: Street, platforms: SandboxServer, channel: Channel
) -> None:
    li, wang = (scene_of(house, platforms.url) for house in (paying_street.li, paying_street.wang))
    collectors = [collecting(scene, channel) for scene in (li, wang)]
    mine, others = li.paid(channel, "50.00"), wang.paid(channel, "30.00")
    _delivered(li, mine)
    assert {mine.strategy, others.strategy} == {Strategy.S3}
    bill, found, rows = _compared(li, collectors[0])
    assert rows == [mine.out_trade_no]
    assert found == set()
    assert bill.bill_paid_yuan == bill.ours_paid_yuan == Decimal("50.00")

"""Accounts through which the operator collects (S2, S3), and the transfers to their payees."""

from decimal import Decimal
from typing import Any

import pytest
import requests

from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import CollectionAccount, Settlement
from apps.income.postings import Asset
from apps.income.services import account_checks, accounts
from apps.income.services.ledger import balance
from apps.income.services.settlement import begin_settlement, send_settlement
from apps.income.states import Channel
from apps.income.strategies import Strategy
from tests.income.scene import Scene

BOTH = pytest.mark.parametrize("channel", list(Channel))
NAME = "Li Si"


def sub_merchant(scene: Scene, book: dict[str, Any], channel: Channel) -> CollectionAccount:
    sub = next(one for one in book["sub_merchants"] if one["owner"] == "li")
    names = ("sub_mchid",) if channel is Channel.WECHAT else ("seller_id", "app_auth_token")
    return opened(scene, channel, Strategy.S2, {name: sub[name] for name in names})


def opened(scene: Scene, channel: Channel, strategy: Strategy, fields: dict[str, Any]) -> CollectionAccount:
    """Set up and checked, as a landlord would."""
    wish = accounts.Wish(channel=channel, strategy=strategy, fields=fields, payee_name=NAME)
    with landlord_scope(scene.house.landlord.pk):
        account = accounts.propose_account(wish=wish, by_id=scene.house.owner.pk, now=scene.now)
    account_checks.check_account(landlord_id=account.landlord_id, account_id=account.pk, now=scene.later(1))
    seen: CollectionAccount = scene.seen(account)
    return seen


def collecting(scene: Scene, channel: Channel, name: str = NAME) -> CollectionAccount:
    """An S3 account in force, whose payee the platforms know under `name`."""
    payee = f"payee-{scene.house.landlord.pk}-{channel}-{scene.now.timestamp()}"
    requests.post(f"{scene.sandbox}/payees", json={"payee": payee, "name": name}, timeout=5)
    account = opened(scene, channel, Strategy.S3, {"payee_id": payee})
    with landlord_scope(scene.house.landlord.pk):
        accounts.acknowledge(account_id=account.pk, by_id=scene.house.owner.pk, now=scene.now)
    seen: CollectionAccount = scene.seen(account)
    assert seen.is_active
    return seen


def begin(scene: Scene, account: CollectionAccount) -> Settlement | None:
    with landlord_scope(scene.house.landlord.pk):
        return begin_settlement(account_id=account.pk, now=scene.now)


def send(scene: Scene, settlement: Settlement | None, after_s: float = 4000) -> Settlement:
    assert settlement is not None
    send_settlement(landlord_id=settlement.landlord_id, settlement_id=settlement.pk, now=scene.later(after_s))
    seen: Settlement = scene.seen(settlement)
    return seen


def fault(scene: Scene, kind: str) -> None:
    requests.post(f"{scene.sandbox}/faults", json={"kind": kind}, timeout=5).raise_for_status()


def confirm(scene: Scene, settlement: Settlement) -> None:
    path = f"{scene.sandbox}/transfers/{settlement.number}/confirm"
    requests.post(path, timeout=5).raise_for_status()


def held(scene: Scene, account: CollectionAccount) -> Decimal:
    with landlord_scope(scene.house.landlord.pk):
        return balance(Asset.CNY, postings.payable(account.pk))


def sent(scene: Scene) -> list[dict[str, str]]:
    found: list[dict[str, str]] = requests.get(f"{scene.sandbox}/transfers", timeout=5).json()["transfers"]
    return found

"""Failure cases of sub-merchants (S2), and of shares that are none of our ways to be paid."""

from typing import Any

import pytest
import requests
from django.test import Client

from apps.common.errors import Conflict
from apps.common.platforms import PlatformRefused
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount
from apps.income.selectors import accounts_to_look_at
from apps.income.services import account_checks, channels
from apps.income.services.refund_reviews import retry_refund
from apps.income.states import Channel, CheckState, RefundState
from apps.income.strategies import Strategy
from tests.api.caller import Caller
from tests.income.collecting import BOTH, collecting, fault, opened, sub_merchant
from tests.income.scene import Scene, wait_for_the_platform
from tests.people import PASSWORD

pytestmark = pytest.mark.usefixtures("quiet_doorbells", "provider")


@BOTH
def test_an_order_through_a_sub_merchant_is_paid_closed_and_given_back_as_hers(
    scene: Scene, book: dict[str, Any], channel: Channel
) -> None:
    account = sub_merchant(scene, book, channel)
    assert (account.check_state, account.is_active) == (CheckState.VERIFIED, True)
    payment = scene.paid(channel)
    assert (payment.account_id, payment.strategy) == (account.pk, "S2")
    order = requests.get(f"{scene.sandbox}/orders/{payment.out_trade_no}", timeout=5).json()
    assert account.merchant_id in order["merchant"]
    refund = scene.send(scene.refund(payment))
    if channel is Channel.WECHAT:
        wait_for_the_platform()
        refund = scene.send(refund)
    assert refund.state == "DONE"
    assert scene.gone_back(payment) == "50.00"
    assert scene.books() == []


@pytest.mark.parametrize("strategy", ["S2", "S3"])
def test_a_payer_of_a_sub_merchant_or_a_collector_logs_in_to_the_operators_app(
    scene: Scene, book: dict[str, Any], strategy: str
) -> None:
    account = (sub_merchant if strategy == "S2" else _collecting)(scene, book, Channel.ALIPAY)
    assert scene.seen(account).is_active
    answer = Client().get(f"/q/{scene.house.meter.qr_token}/login/alipay")
    assert answer.status_code == 302
    assert f"app_id={book['provider']['alipay']['app_id']}" in answer["Location"]
    with landlord_scope(scene.house.landlord.pk):
        assert "app_auth_token" not in channels.payer_login_of(scene.seen(account))


def _collecting(scene: Scene, book: dict[str, Any], channel: Channel) -> CollectionAccount:
    return collecting(scene, channel)


@BOTH
def test_f12_a_sub_merchant_the_provider_does_not_serve_is_a_mismatch(
    scene: Scene, book: dict[str, Any], channel: Channel
) -> None:
    wrong = {"sub_mchid": "1800000000", "seller_id": "2088000000000000", "app_auth_token": "x" * 40}
    names = ("sub_mchid",) if channel is Channel.WECHAT else ("seller_id", "app_auth_token")
    account = opened(scene, channel, Strategy.S2, {name: wrong[name] for name in names})
    assert (account.check_state, account.is_active) == (CheckState.MISMATCH, False)


def test_f46_an_authorisation_that_was_revoked_is_found_by_the_check(
    scene: Scene, book: dict[str, Any]
) -> None:
    account = sub_merchant(scene, book, Channel.ALIPAY)
    fault(scene, "revoke_authorisation")
    with pytest.raises(Conflict) as refused:
        scene.order(Channel.ALIPAY)
    assert refused.value.code == "platform_refused"
    with landlord_scope(scene.house.landlord.pk):
        account_checks.ask_check(account_id=account.pk, by_id=scene.house.owner.pk, now=scene.now)
    fault(scene, "revoke_authorisation")
    account_checks.check_account(landlord_id=account.landlord_id, account_id=account.pk, now=scene.later(1))
    assert scene.seen(account).check_state == CheckState.MISMATCH
    assert scene.seen(account).check_said == "aop.invalid-app-auth-token"


def test_f46_an_order_refused_for_a_revoked_authorisation_has_the_account_checked_by_itself_once(
    scene: Scene, book: dict[str, Any]
) -> None:
    account = sub_merchant(scene, book, Channel.ALIPAY)
    fault(scene, "revoke_authorisation")
    with pytest.raises(Conflict):
        scene.order(Channel.ALIPAY, key="1")
    assert scene.seen(account).check_state == CheckState.PENDING
    fault(scene, "revoke_authorisation")
    account_checks.check_account(landlord_id=account.landlord_id, account_id=account.pk, now=scene.later(1))
    assert (scene.seen(account).check_state, scene.seen(account).is_active) == (CheckState.MISMATCH, True)
    with landlord_scope(scene.house.landlord.pk):
        assert [one.pk for one in accounts_to_look_at(scene.now)] == [account.pk]
    fault(scene, "revoke_authorisation")
    with pytest.raises(Conflict):
        scene.order(Channel.ALIPAY, key="2")
    assert scene.seen(account).check_state == CheckState.MISMATCH


@BOTH
def test_f37_a_refund_of_money_that_was_shared_elsewhere_waits_for_the_balance_and_keeps_its_number(
    scene: Scene, channel: Channel
) -> None:
    """Nothing is shared by us; what a landlord shares with a person at the platform cannot be pulled back."""
    payment = scene.paid(channel)
    fault(scene, "refund_balance_low")
    short = scene.send(scene.refund(payment))
    assert short.state == RefundState.REVIEW
    assert scene.gone_back(payment) == "0.00"
    assert scene.books() == []
    with landlord_scope(scene.house.landlord.pk):
        retry_refund(refund_id=short.pk, by_id=scene.house.owner.pk, now=scene.later(1))
    filled = scene.send(short)
    if channel is Channel.WECHAT:
        wait_for_the_platform()
        filled = scene.send(filled)
    assert (filled.state, filled.out_refund_no) == (RefundState.DONE, short.out_refund_no)
    assert scene.gone_back(payment) == "50.00"
    assert scene.books() == []


@pytest.mark.parametrize("strategy", ["S1", "S2"])
@BOTH
def test_f43_no_share_of_an_order_of_ours_can_be_made(
    scene: Scene, book: dict[str, Any], channel: Channel, strategy: str
) -> None:
    """Not above the cap, not to a receiver nobody bound, not before a minute: the order never allowed it."""
    if strategy == "S2":
        sub_merchant(scene, book, channel)
    payment = scene.paid(channel)
    with landlord_scope(scene.house.landlord.pk):
        platform: Any = channels.platform_of(scene.seen(payment).account)
    with pytest.raises(PlatformRefused) as refused:
        if channel is Channel.WECHAT:
            receiver = {"type": "MERCHANT_ID", "account": "1900000109", "amount": 100, "description": "fee"}
            platform.ask_sdk(
                "profitsharing_order",
                transaction_id=payment.transaction_id or "4200000000",
                out_order_no="P1",
                receivers=[receiver],
                unfreeze_unsplit=True,
                sub_mchid=platform.merchant_id,
            )
        else:
            royalty = {"trans_in": "2088000000000000", "amount": "1.00"}
            content = {"out_request_no": "P1", "trade_no": "2026", "royalty_parameters": [royalty]}
            platform._gateway.ask("alipay.trade.order.settle", content)
    assert refused.value.code in ("NO_AUTH", "isv.insufficient-isv-permissions")


def test_f43_sharing_is_no_way_to_be_paid_and_says_which_ways_there_are(
    scene: Scene, book: dict[str, Any]
) -> None:
    body = {"channel": "wechat", "strategy": "S4", "credentials": {"mchid": "1"}, "password": PASSWORD}
    answer = Caller(scene.house.owner).post("collection-accounts", body)
    assert (answer.status, set(answer.body["fields"])) == (400, {"strategy"})
    assert "S1" in str(answer.body["fields"]["strategy"])
    assert "S4" not in str(answer.body["fields"]["strategy"])

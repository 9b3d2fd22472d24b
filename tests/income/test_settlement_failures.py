"""Failure cases of settlement: sub-merchants (S2), and money collected and sent on (S3)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.db import IntegrityError, transaction
from django.test import Client

from apps.common.errors import Conflict
from apps.common.platforms import PlatformRefused
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import CollectionAccount, Payment, Settlement
from apps.income.postings import Asset
from apps.income.selectors import accounts_to_look_at, income_of
from apps.income.services import accounts, channels
from apps.income.services.ledger import balance
from apps.income.services.refund_reviews import retry_refund
from apps.income.services.settlement import begin_settlement, send_settlement
from apps.income.states import Channel, CheckState, RechargeState, RefundState, SettlementState
from apps.income.strategies import Strategy, capabilities, fee_of, to_transfer
from apps.income.sweeping import sweep_settlements
from tests.api.caller import Caller
from tests.income.scene import Scene, in_threads, scene_of, wait_for_the_platform
from tests.people import PASSWORD, Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")
BOTH = pytest.mark.parametrize("channel", list(Channel))
NAME = "Li Si"


@pytest.fixture
def scene(paying_street: Street, sandbox: str, settings: Any, book: dict[str, Any]) -> Scene:
    settings.PROVIDER_ACCOUNTS = book["provider"]
    return scene_of(paying_street.li, sandbox)


def sub_merchant(scene: Scene, book: dict[str, Any], channel: Channel) -> CollectionAccount:
    sub = next(one for one in book["sub_merchants"] if one["owner"] == "li")
    names = ("sub_mchid",) if channel is Channel.WECHAT else ("seller_id", "app_auth_token")
    return opened(scene, channel, Strategy.S2, {name: sub[name] for name in names})


def opened(scene: Scene, channel: Channel, strategy: Strategy, fields: dict[str, Any]) -> CollectionAccount:
    """Set up and checked, as a landlord would."""
    wish = accounts.Wish(channel=channel, strategy=strategy, fields=fields, payee_name=NAME)
    with landlord_scope(scene.house.landlord.pk):
        account = accounts.propose_account(wish=wish, by_id=scene.house.owner.pk, now=scene.now)
    accounts.check_account(landlord_id=account.landlord_id, account_id=account.pk, now=scene.later(1))
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
        accounts.ask_check(account_id=account.pk, by_id=scene.house.owner.pk, now=scene.now)
    fault(scene, "revoke_authorisation")
    accounts.check_account(landlord_id=account.landlord_id, account_id=account.pk, now=scene.later(1))
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
    accounts.check_account(landlord_id=account.landlord_id, account_id=account.pk, now=scene.later(1))
    assert (scene.seen(account).check_state, scene.seen(account).is_active) == (CheckState.MISMATCH, True)
    with landlord_scope(scene.house.landlord.pk):
        assert [one.pk for one in accounts_to_look_at(scene.now)] == [account.pk]
    fault(scene, "revoke_authorisation")
    with pytest.raises(Conflict):
        scene.order(Channel.ALIPAY, key="2")
    assert scene.seen(account).check_state == CheckState.MISMATCH


@BOTH
def test_s3_stays_off_until_an_operator_has_acknowledged_it(scene: Scene, channel: Channel) -> None:
    account = opened(scene, channel, Strategy.S3, {"payee_id": "somebody"})
    assert not account.is_active
    with landlord_scope(scene.house.landlord.pk), pytest.raises(IntegrityError), transaction.atomic():
        CollectionAccount.objects.filter(channel=channel).update(is_active=False)
        CollectionAccount.objects.filter(pk=account.pk).update(is_active=True)
    with landlord_scope(scene.house.landlord.pk):
        accounts.acknowledge(account_id=account.pk, by_id=scene.house.owner.pk, now=scene.now)
    assert scene.seen(account).is_active


def test_without_the_operators_own_account_there_is_neither_s2_nor_s3(scene: Scene, settings: Any) -> None:
    settings.PROVIDER_ACCOUNTS = {}
    for strategy in (Strategy.S2, Strategy.S3, Strategy.S0):
        with pytest.raises(accounts.StrategyMissing):
            opened(scene, Channel.WECHAT, strategy, {"sub_mchid": "1", "payee_id": "x"})


@BOTH
def test_what_was_collected_reaches_the_payee_once_less_the_fee(scene: Scene, channel: Channel) -> None:
    account = collecting(scene, channel)
    scene.paid(channel)
    assert held(scene, account) == Decimal("49.70")
    assert scene.books() == []
    settlement = begin(scene, account)
    assert begin(scene, account) is None
    settlement = send(scene, settlement)
    if channel is Channel.WECHAT:
        assert settlement.state == SettlementState.CONFIRMING
        assert settlement.confirm_package
        confirm(scene, settlement)
        settlement = send(scene, settlement)
    assert (settlement.state, settlement.amount_yuan) == (SettlementState.DONE, Decimal("49.70"))
    assert scene.seen(account).check_state == CheckState.VERIFIED
    assert held(scene, account) == 0
    assert begin(scene, account) is None
    assert scene.books() == []
    assert [one["number"] for one in sent(scene)].count(settlement.number) == 1


@BOTH
def test_f39_a_wrong_name_stops_the_transfers_and_never_the_energy(scene: Scene, channel: Channel) -> None:
    account = collecting(scene, channel, name="Somebody Else")
    scene.paid(channel)
    settlement = send(scene, begin(scene, account))
    assert (settlement.state, settlement.said) == (SettlementState.STOPPED, "NAME_MISMATCH")
    stopped = scene.seen(account)
    assert (stopped.settling_stopped, stopped.check_state) == ("NAME_MISMATCH", CheckState.MISMATCH)
    assert held(scene, account) == Decimal("49.70")
    later = scene.paid(channel)
    assert scene.recharge(later).state == RechargeState.OPEN
    assert scene.recharge(later).energy_kwh > 0
    assert begin(scene, account) is None
    with landlord_scope(scene.house.landlord.pk):
        accounts.correct_payee_name(
            account_id=account.pk, name="Somebody Else", by_id=scene.house.owner.pk, now=scene.now
        )
    again = send(scene, begin(scene, account))
    assert again.amount_yuan == Decimal("99.40")
    assert again.state in (SettlementState.DONE, SettlementState.CONFIRMING)
    assert scene.books() == []


def test_f40_a_transfer_nobody_confirmed_within_a_day_is_owed_again_and_sent_under_a_new_number(
    scene: Scene,
) -> None:
    account = collecting(scene, Channel.WECHAT)
    scene.paid()
    first = send(scene, begin(scene, account))
    assert first.state == SettlementState.CONFIRMING
    requests.post(f"{scene.sandbox}/transfers/{first.number}/age", timeout=5).raise_for_status()
    first = send(scene, first)
    assert (first.state, first.said) == (SettlementState.RETURNED, "NOT_CONFIRMED")
    assert held(scene, account) == Decimal("49.70")
    second = begin(scene, account)
    assert second is not None
    assert second.number != first.number
    assert scene.books() == []


@BOTH
def test_f41_a_transfer_without_an_answer_is_asked_about_and_sent_again_under_its_number(
    scene: Scene, channel: Channel
) -> None:
    account = collecting(scene, channel)
    scene.paid(channel)
    settlement = begin(scene, account)
    for kind in ("transfer_system_error", "lose_transfer_answer"):
        fault(scene, kind)
        unknown = send(scene, settlement)
        assert unknown.state == SettlementState.CREATED
    settled = send(scene, settlement)
    assert settled.state in (SettlementState.DONE, SettlementState.CONFIRMING)
    assert settled.tries == 3
    assert [one["number"] for one in sent(scene)].count(settled.number) == 1
    assert scene.books() == []


def test_f41_two_senders_at_once_ask_the_platform_once(scene: Scene) -> None:
    account = collecting(scene, Channel.ALIPAY)
    scene.paid(Channel.ALIPAY)
    settlement = begin(scene, account)
    assert settlement is not None
    now, owner = scene.later(10), scene.house.landlord.pk
    in_threads(6, lambda _: send_settlement(landlord_id=owner, settlement_id=settlement.pk, now=now))
    assert (scene.seen(settlement).tries, scene.seen(settlement).state) == (1, SettlementState.DONE)
    assert scene.books() == []


@BOTH
def test_f42_an_operating_account_that_is_too_low_delays_the_transfer_under_its_number(
    scene: Scene, channel: Channel
) -> None:
    account = collecting(scene, channel)
    scene.paid(channel)
    fault(scene, "balance_low")
    waiting = send(scene, begin(scene, account))
    assert (waiting.state, waiting.said) == (SettlementState.CREATED, "BALANCE_LOW")
    filled = send(scene, waiting)
    assert filled.number == waiting.number
    assert filled.state in (SettlementState.DONE, SettlementState.CONFIRMING)
    assert scene.books() == []


def test_f44_a_landlord_who_changes_her_account_moves_no_paid_order(
    scene: Scene, book: dict[str, Any]
) -> None:
    old = collecting(scene, Channel.ALIPAY)
    payment = scene.paid(Channel.ALIPAY)
    new = collecting(scene, Channel.ALIPAY)
    assert not scene.seen(old).is_active
    assert (payment.strategy, payment.payee_print) == ("S3", old.payee_print)
    assert old.payee_print != new.payee_print
    sweep_settlements(scene.later(1))
    with landlord_scope(scene.house.landlord.pk):
        assert Settlement.objects.get().account_id == old.pk
        assert Settlement.objects.get().state == SettlementState.DONE
    assert scene.paid(Channel.ALIPAY).payee_print == new.payee_print
    assert scene.books() == []


@BOTH
def test_f45_a_payees_full_day_leaves_the_rest_for_the_next(scene: Scene, channel: Channel) -> None:
    account = collecting(scene, channel)
    scene.paid(channel)
    fault(scene, "payee_day_limit")
    settlement = send(scene, begin(scene, account), after_s=1)
    assert (settlement.state, settlement.said) == (SettlementState.RETURNED, "DAY_LIMIT")
    assert begin(scene, account) is None
    scene.later(24 * 3600)
    assert begin(scene, account) is not None
    assert scene.books() == []


def test_f45_what_is_sent_stays_within_the_figures_of_the_platform() -> None:
    can = capabilities("S3", "wechat")
    none = Decimal(0)

    def amount(owed: str, today: Decimal = none) -> Decimal:
        return to_transfer(payable_yuan=Decimal(owed), transferred_today_yuan=today, can=can)

    assert amount("0.29") == 0
    assert amount("0.309999") == Decimal("0.30")
    assert amount("30000.00") == Decimal("20000.00")
    assert amount("30000.00", Decimal("19000.00")) == Decimal("1000.00")
    assert amount("30000.00", Decimal("20000.00")) == 0
    assert fee_of(Decimal("0.83"), Decimal("0.0060")) == 0
    assert fee_of(Decimal("0.84"), Decimal("0.0060")) == Decimal("0.01")


def test_a_refund_of_what_was_sent_on_is_taken_off_the_next_transfer(scene: Scene) -> None:
    account = collecting(scene, Channel.ALIPAY)
    payment = scene.paid(Channel.ALIPAY)
    assert send(scene, begin(scene, account)).state == SettlementState.DONE
    assert scene.send(scene.refund(payment)).state == "DONE"
    assert held(scene, account) == Decimal("-49.70")
    assert begin(scene, account) is None
    scene.paid(Channel.ALIPAY, amount="100.00")
    scene.later(timedelta(days=1).total_seconds())
    settlement = begin(scene, account)
    assert settlement is not None
    assert settlement.amount_yuan == Decimal("49.70")
    with landlord_scope(scene.house.landlord.pk):
        assert Payment.objects.get(pk=payment.pk).fee_yuan == 0
    assert scene.books() == []


def test_income_is_gross_less_what_went_back_and_what_the_channel_kept(scene: Scene) -> None:
    scene.paid(Channel.ALIPAY, amount="100.00")
    given = scene.paid(Channel.ALIPAY)
    assert scene.send(scene.refund(given)).state == "DONE"
    with landlord_scope(scene.house.landlord.pk):
        alipay = next(one for one in income_of(None, None).channels if one.channel == "alipay")
    assert (alipay.gross_yuan, alipay.refunded_yuan) == (Decimal("150.00"), Decimal("50.00"))
    assert (alipay.fee_yuan, alipay.net_yuan) == (Decimal("0.60"), Decimal("99.40"))
    assert scene.books() == []


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

"""Failure cases of settlement: money collected and sent on (S3)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.db import IntegrityError, transaction

from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount, Payment, Settlement
from apps.income.selectors import income_of
from apps.income.services import accounts
from apps.income.services.settlement import send_settlement
from apps.income.states import Channel, CheckState, RechargeState, SettlementState
from apps.income.strategies import Strategy, capabilities, fee_of, to_transfer
from apps.income.sweeping import sweep_settlements
from tests.income.collecting import (
    BOTH,
    begin,
    collecting,
    confirm,
    fault,
    held,
    opened,
    send,
    sent,
)
from tests.income.scene import Scene, in_threads

pytestmark = pytest.mark.usefixtures("quiet_doorbells", "provider")


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


def test_a_question_that_is_refused_says_nothing_of_the_transfer_and_nothing_is_sent_twice(
    scene: Scene, settings: Any, book: dict[str, Any]
) -> None:
    account = collecting(scene, Channel.WECHAT)
    scene.paid()
    first = send(scene, begin(scene, account))
    assert first.state == SettlementState.CONFIRMING
    provider = settings.PROVIDER_ACCOUNTS
    wrong_keys = {**provider["wechat"], "serial_no": "0" * 40}
    settings.PROVIDER_ACCOUNTS = {**provider, "wechat": wrong_keys}
    assert send(scene, first).state == SettlementState.CONFIRMING
    assert begin(scene, account) is None
    settings.PROVIDER_ACCOUNTS = provider
    confirm(scene, first)
    assert send(scene, first).state == SettlementState.DONE
    assert held(scene, account) == 0
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


def test_a_transfer_refused_for_a_reason_of_the_platforms_own_is_begun_anew_after_an_hour_not_at_once(
    scene: Scene, settings: Any
) -> None:
    account = collecting(scene, Channel.WECHAT)
    scene.paid()
    provider = settings.PROVIDER_ACCOUNTS
    settings.PROVIDER_ACCOUNTS = {
        **provider,
        "wechat": {**provider["wechat"], "serial_no": "0" * 40},
    }
    refused = send(scene, begin(scene, account), after_s=1)
    assert (refused.state, refused.said) == (SettlementState.RETURNED, "REFUSED")
    for _ in range(3):
        sweep_settlements(scene.later(30))
    with landlord_scope(scene.house.landlord.pk):
        assert Settlement.objects.filter(account=account).count() == 1
    settings.PROVIDER_ACCOUNTS = provider
    scene.later(3600)
    assert send(scene, begin(scene, account)).state == SettlementState.CONFIRMING
    assert scene.books() == []

"""The same life of an order at both platforms: real HTTP, real signatures, sandbox platforms as peer."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from apps.common import scoping
from apps.common.alipay_gateway import AlipayGateway
from apps.common.keys import proves
from apps.common.outside import OutsideCallInScope
from apps.income.platforms.adapters import platform_for
from apps.income.platforms.base import (
    ChargeRequest,
    NotifyRefused,
    Platform,
    PlatformRefused,
    PlatformUnreachable,
)
from apps.sandbox.certificates import load_private, new_key, private_pem
from apps.sandbox.identity import openid
from tests.income.platforms.notes import pay
from tests.income.platforms.scripted import Scripted


def next_notify(scripted: Scripted) -> tuple[dict[str, str], bytes]:
    """The next notify that reached us; it was not accepted, so that the platform would come again."""
    deadline = time.monotonic() + 5
    while not scripted.asked:
        assert time.monotonic() < deadline, "no notify came"
        time.sleep(0.01)
    _, _, headers, body = scripted.asked.pop(0)
    return headers, body


def test_an_order_bound_to_a_payer_is_made_paid_and_proved_twice(
    platform: Platform,
    channel: str,
    payer_id: str,
    charge: Callable[..., ChargeRequest],
    sandbox: str,
    scripted: Scripted,
) -> None:
    request = charge(payer_id=payer_id)
    scripted.replies.append((*platform_reply(platform),))

    made = platform.create_charge(request)
    assert made.qr_text is None
    assert made.bridge is not None
    assert set(made.bridge) == (
        {"tradeNO"}
        if channel == "alipay"
        else {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    )
    assert platform.query(request.out_trade_no, by_qr=False).state == "PENDING"

    pay(sandbox, request.out_trade_no)
    asked = platform.query(request.out_trade_no)
    told = platform.read_notify(*next_notify(scripted), datetime.now(UTC))
    for result in (asked, told):
        assert (result.state, result.amount_yuan, result.currency) == ("PAID", Decimal("50.10"), "CNY")
        assert (result.merchant_id, result.app_id) == (platform.merchant_id, platform.app_id)
        assert result.payer_id == payer_id
        assert payer_id not in str(result.evidence)
        assert result.paid_at is not None
        assert abs(datetime.now(UTC) - result.paid_at) < timedelta(seconds=10)
    assert asked.transaction_id == told.transaction_id
    assert asked.transaction_id


def platform_reply(platform: Platform) -> tuple[int, dict[str, str], bytes]:
    status, content_type, body = platform.notify_answer(True)
    return status, {"Content-Type": content_type}, body


def test_an_order_without_a_payer_is_a_qr_that_anybody_can_pay(
    platform: Platform, charge: Callable[..., ChargeRequest], sandbox: str, scripted: Scripted
) -> None:
    request = charge()
    scripted.replies.append(platform_reply(platform))
    made = platform.create_charge(request)
    assert made.bridge is None
    assert made.qr_text is not None
    # f31: Alipay has no trade before the QR is scanned, and says so; that is no failure.
    assert platform.query(request.out_trade_no).state == "PENDING"

    assert requests.get(made.qr_text, timeout=5).status_code == 200
    assert platform.query(request.out_trade_no).state == "PENDING"
    pay(sandbox, request.out_trade_no)
    assert platform.query(request.out_trade_no).state == "PAID"
    next_notify(scripted)


def test_f15_an_unknown_order_is_a_result_and_no_error(platform: Platform) -> None:
    result = platform.query("RM0000000000000000", by_qr=False)
    assert (result.state, result.amount_yuan, result.transaction_id) == ("UNKNOWN_ORDER", None, None)


def test_f31_alipays_missing_trade_is_pending_for_a_qr_until_it_is_closed(
    li_alipay: dict[str, Any], sandbox: str, charge: Callable[..., ChargeRequest]
) -> None:
    platform = platform_for("alipay", li_alipay, base_url=sandbox)
    request = charge()
    platform.create_charge(request)
    assert platform.query(request.out_trade_no).state == "PENDING"
    assert platform.query(request.out_trade_no).evidence == {"said": "ACQ.TRADE_NOT_EXIST"}
    assert platform.close(request.out_trade_no).state == "CLOSED"


def test_the_same_request_again_gives_a_charge_of_the_same_order(
    platform: Platform, payer_id: str, charge: Callable[..., ChargeRequest]
) -> None:
    request = charge(payer_id=payer_id)
    first, second = platform.create_charge(request), platform.create_charge(request)
    assert first.bridge is not None
    assert second.bridge is not None
    assert first.bridge.keys() == second.bridge.keys()


def test_a_number_used_for_another_amount_is_refused(
    platform: Platform, payer_id: str, charge: Callable[..., ChargeRequest]
) -> None:
    request = charge(payer_id=payer_id)
    platform.create_charge(request)
    with pytest.raises(PlatformRefused):
        platform.create_charge(
            charge(out_trade_no=request.out_trade_no, payer_id=payer_id, amount_yuan=Decimal("50.11"))
        )


def test_closing_twice_is_closing_once(
    platform: Platform, payer_id: str, charge: Callable[..., ChargeRequest]
) -> None:
    request = charge(payer_id=payer_id)
    platform.create_charge(request)
    assert platform.close(request.out_trade_no).state == "CLOSED"
    assert platform.close(request.out_trade_no).state == "CLOSED"
    assert platform.query(request.out_trade_no, by_qr=False).state == "CLOSED"


def test_f27_closing_a_paid_order_reports_the_payment(
    platform: Platform, payer_id: str, charge: Callable[..., ChargeRequest], sandbox: str, scripted: Scripted
) -> None:
    request = charge(payer_id=payer_id)
    scripted.replies.append(platform_reply(platform))
    platform.create_charge(request)
    pay(sandbox, request.out_trade_no)
    result = platform.close(request.out_trade_no)
    assert (result.state, result.amount_yuan) == ("PAID", Decimal("50.10"))
    next_notify(scripted)


def test_f30_a_lost_answer_is_unknown_and_the_order_is_there(
    platform: Platform, channel: str, payer_id: str, charge: Callable[..., ChargeRequest], sandbox: str
) -> None:
    request = charge(payer_id=payer_id)
    fault = {"kind": "lose_answer", "count": 1, "channel": channel, "out_trade_no": request.out_trade_no}
    assert requests.post(f"{sandbox}/faults", json=fault, timeout=5).status_code == 200

    with pytest.raises(PlatformUnreachable):
        platform.create_charge(request)
    assert platform.query(request.out_trade_no, by_qr=False).state == "PENDING"
    assert platform.create_charge(request).bridge is not None


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("bad_signature", "BAD_SIGNATURE"),
        ("flip_byte", "BAD_SIGNATURE"),
        ("signtest", None),
        ("unknown_serial", None),
    ],
)
def test_a_forged_notify_is_refused_and_the_right_one_follows(
    platform: Platform,
    channel: str,
    payer_id: str,
    charge: Callable[..., ChargeRequest],
    sandbox: str,
    scripted: Scripted,
    kind: str,
    code: str | None,
) -> None:
    request = charge(payer_id=payer_id)
    platform.create_charge(request)
    fault = {"kind": kind, "count": 1, "channel": channel, "out_trade_no": request.out_trade_no}
    requests.post(f"{sandbox}/faults", json=fault, timeout=5).raise_for_status()
    scripted.replies.append((200, {}, platform.notify_answer(True)[2]))
    pay(sandbox, request.out_trade_no)
    with pytest.raises(NotifyRefused) as caught:
        platform.read_notify(*next_notify(scripted), datetime.now(UTC))
    assert caught.value.out_trade_no is None
    # Alipay's notify names no serial and knows no probe: both are a stranger's signature there.
    wechat_codes = {"signtest": "SIGNATURE_PROBE", "unknown_serial": "UNKNOWN_SERIAL"}
    assert caught.value.code == (code or (wechat_codes[kind] if channel == "wechat" else "BAD_SIGNATURE"))
    assert platform.query(request.out_trade_no).state == "PAID"


def test_f25_alipays_notify_of_a_partial_refund_is_no_payment(
    li_alipay: dict[str, Any], sandbox: str, charge: Callable[..., ChargeRequest], scripted: Scripted
) -> None:
    platform = platform_for("alipay", li_alipay, base_url=sandbox)
    request = charge(payer_id=None)
    scripted.replies.extend([platform_reply(platform)] * 2)
    made = platform.create_charge(request)
    assert made.qr_text is not None
    requests.get(made.qr_text, timeout=5).raise_for_status()
    pay(sandbox, request.out_trade_no)
    assert platform.read_notify(*next_notify(scripted), datetime.now(UTC)).state == "PAID"

    gateway = AlipayGateway(li_alipay, base_url=sandbox)
    refund = {"out_trade_no": request.out_trade_no, "refund_amount": "0.10", "out_request_no": "RF1"}
    gateway.ask("alipay.trade.refund", refund)
    told = platform.read_notify(*next_notify(scripted), datetime.now(UTC))
    assert told.state == "REFUNDED"
    assert (told.amount_yuan, told.evidence["refund_fee"]) == (Decimal("50.10"), "0.10")
    assert platform.query(request.out_trade_no).state == "PAID"

    gateway.ask("alipay.trade.refund", {**refund, "refund_amount": "50.00", "out_request_no": "RF2"})
    assert platform.query(request.out_trade_no).state == "REFUNDED"


def test_a_payers_id_of_another_app_is_refused(
    li_alipay: dict[str, Any],
    wang_alipay: dict[str, Any],
    sandbox: str,
    charge: Callable[..., ChargeRequest],
) -> None:
    login = {"kind": "alipay", "app_id": wang_alipay["app_id"], "payer": "sun"}
    requests.post(f"{sandbox}/logins", json=login, timeout=5).raise_for_status()
    platform = platform_for("alipay", li_alipay, base_url=sandbox)
    with pytest.raises(PlatformRefused, match="BUYER_NOT_EXIST"):
        platform.create_charge(charge(payer_id=openid(wang_alipay["app_id"], "sun")))


def test_a_merchants_wrong_key_is_refused_by_the_platform(
    channel: str, account: dict[str, Any], sandbox: str, charge: Callable[..., ChargeRequest]
) -> None:
    field = "private_key_pem" if channel == "wechat" else "app_private_key_pem"
    platform = platform_for(channel, {**account, field: private_pem(new_key())}, base_url=sandbox)
    with pytest.raises(PlatformRefused, match=r"SIGN_ERROR|isv\.invalid-signature"):
        platform.create_charge(charge())


def test_nobody_at_home_is_unknown_and_the_error_tells_no_secret(
    channel: str, account: dict[str, Any], payer_id: str, charge: Callable[..., ChargeRequest]
) -> None:
    platform = platform_for(channel, account, base_url="http://127.0.0.1:9")
    for act in (
        lambda: platform.create_charge(charge(payer_id=payer_id)),
        lambda: platform.query("RM000001"),
    ):
        with pytest.raises(PlatformUnreachable) as caught:
            act()
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert payer_id not in str(caught.value)
        assert "sign" not in str(caught.value)


def test_no_platform_is_called_inside_a_scope(
    platform: Platform, charge: Callable[..., ChargeRequest]
) -> None:
    token = scoping._current.set(scoping.Scope(None, "a test of the door outside"))
    try:
        for act in (
            lambda: platform.create_charge(charge()),
            lambda: platform.query("RM000001"),
            lambda: platform.close("RM000001"),
        ):
            with pytest.raises(OutsideCallInScope):
                act()
    finally:
        scoping._current.reset(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"out_trade_no": "short"},
        {"out_trade_no": "RM1?mchid=1"},
        {"out_trade_no": "RM/../../refund"},
        {"out_trade_no": "R" * 33},
        {"amount_yuan": Decimal("1.005")},
        {"amount_yuan": Decimal("NaN")},
        {"amount_yuan": Decimal("-1")},
        {"amount_yuan": 1.5},
        {"notify_url": "https://rentmeter.example/pay?account=1"},
        {"notify_url": "/pay/notify/wechat/1/"},
        {"expires_at": datetime(2026, 11, 23)},  # noqa: DTZ001
    ],
)
def test_an_order_no_platform_would_take_is_never_sent(
    channel: str, account: dict[str, Any], charge: Callable[..., ChargeRequest], changed: dict[str, Any]
) -> None:
    # Nobody listens there: an order that was sent would be unreachable instead.
    platform = platform_for(channel, account, base_url="http://127.0.0.1:9")
    with pytest.raises(ValueError, match=r"amount|out_trade_no|notify URL|instant"):
        platform.create_charge(charge(**changed))


def test_equal_credentials_give_the_same_adapter_and_a_changed_key_another(
    channel: str, account: dict[str, Any], sandbox: str
) -> None:
    first = platform_for(channel, account, base_url=sandbox)
    assert platform_for(channel, dict(account), base_url=sandbox) is first
    assert platform_for(channel, {**account, "owner": "somebody"}, base_url=sandbox) is not first


def test_a_channel_nobody_adapted_is_an_error() -> None:
    with pytest.raises(ValueError, match="unionpay"):
        platform_for("unionpay", {})


def test_the_bridge_is_signed_with_the_merchants_key(
    li_wechat: dict[str, Any], sandbox: str, charge: Callable[..., ChargeRequest]
) -> None:
    platform = platform_for("wechat", li_wechat, base_url=sandbox)
    bridge = platform.create_charge(charge(payer_id=openid(platform.app_id, "sun"))).bridge
    assert bridge is not None
    lines = [bridge[name] for name in ("appId", "timeStamp", "nonceStr", "package")]
    key = load_private(li_wechat["private_key_pem"]).public_key()
    assert proves(key, "".join(f"{line}\n" for line in lines).encode(), bridge["paySign"])
    assert abs(int(bridge["timeStamp"]) - time.time()) < 5


def test_f50_alipay_is_told_beijing_time_and_all_that_its_bridge_needs(
    li_alipay: dict[str, Any],
    scripted: Scripted,
    charge: Callable[..., ChargeRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        platform = platform_for("alipay", li_alipay, base_url=scripted.url)
        scripted.replies.append((500, {}, b""))
        with pytest.raises(PlatformUnreachable):
            platform.create_charge(charge(payer_id="024jIDTtzbPtDjXZ3_vQbUg8Ze9z1Sm"))
    finally:
        monkeypatch.undo()
        time.tzset()
    sent = {name: values[0] for name, values in parse_qs(urlsplit(scripted.asked[0][1]).query).items()}
    told_at = datetime.fromisoformat(sent["timestamp"] + "+08:00")
    assert abs(datetime.now(UTC) - told_at) < timedelta(seconds=10)
    assert sent["method"] == "alipay.trade.create"
    for part in (
        '"product_code":"JSAPI_PAY"',
        f'"op_app_id":"{li_alipay["app_id"]}"',
        '"total_amount":"50.10"',
    ):
        assert part in sent["biz_content"]

"""Bills over real HTTP: read to the fen when they are right, refused as a whole when they are not."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from apps.common.outside import OutsideCallInScope
from apps.common.platforms import BEIJING
from apps.income.platforms import bills
from apps.income.platforms.alipay_bill import read_bill as read_alipay_bill
from apps.income.platforms.alipay_bill import unpacked
from apps.income.platforms.base import (
    BillInvalid,
    BillMissing,
    BillNotReady,
    ChargeRequest,
    LineKind,
    Platform,
    PlatformUnreachable,
    RefundRequest,
)
from apps.income.platforms.wechat_bill import read_bill as read_wechat_bill

DAY = date(2026, 11, 22)


def _today() -> date:
    return datetime.now(UTC).astimezone(BEIJING).date()


@pytest.fixture
def merchant(account: dict[str, Any], channel: str) -> str:
    return str(account["mchid" if channel == "wechat" else "app_id"])


@pytest.fixture
def lie(sandbox: str, channel: str, merchant: str) -> Iterator[Callable[..., None]]:
    def order(kind: str, **more: Any) -> None:
        wish = {"kind": kind, "channel": channel, "merchant": merchant, **more}
        requests.post(f"{sandbox}/bills/edits", json=wish, timeout=5).raise_for_status()

    yield order
    requests.delete(f"{sandbox}/bills/edits", timeout=5).raise_for_status()


@pytest.fixture
def paid(platform: Platform, sandbox: str, charge: Callable[..., ChargeRequest]) -> ChargeRequest:
    request = charge()
    platform.create_charge(request)
    requests.get(f"{sandbox}/cashier/{request.out_trade_no}", timeout=5).raise_for_status()
    requests.post(f"{sandbox}/orders/{request.out_trade_no}/pay", json={}, timeout=5).raise_for_status()
    return request


def test_a_bill_names_what_was_paid_and_what_went_back(platform: Platform, paid: ChargeRequest) -> None:
    platform.refund(
        RefundRequest(
            out_trade_no=paid.out_trade_no,
            out_refund_no=f"{paid.out_trade_no}F01",
            refund_yuan=Decimal("20.05"),
            paid_yuan=paid.amount_yuan,
        )
    )
    lines = [line for line in platform.bill(_today()).lines if line.out_trade_no == paid.out_trade_no]
    payment, refund = sorted(lines, key=lambda line: line.kind)
    assert (payment.kind, payment.amount_yuan, payment.fee_yuan) == (
        "PAYMENT",
        Decimal("50.10"),
        Decimal("0.30"),
    )
    assert (refund.kind, refund.amount_yuan, refund.fee_yuan) == (
        "REFUND",
        Decimal("20.05"),
        Decimal("-0.12"),
    )
    assert refund.out_refund_no == f"{paid.out_trade_no}F01"
    assert payment.merchant_id == refund.merchant_id == platform.merchant_id
    assert payment.transaction_id == platform.query(paid.out_trade_no).transaction_id
    assert abs(payment.happened_at - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("wrong_totals", "BILL_TOTALS"),
        ("broken_file", "BILL_NOT_READABLE"),
        ("other_address", "BILL_ADDRESS"),
    ],
)
def test_f54_a_file_that_is_not_right_is_refused_whole(
    platform: Platform, paid: ChargeRequest, lie: Callable[..., None], kind: str, code: str
) -> None:
    lie(kind)
    with pytest.raises(BillInvalid) as refusal:
        platform.bill(_today())
    assert refusal.value.code == code
    assert platform.bill(_today()).lines


@pytest.mark.parametrize("channel", ["wechat"], indirect=True)
def test_f54_a_file_with_another_hash_is_refused(
    platform: Platform, paid: ChargeRequest, lie: Callable[..., None]
) -> None:
    lie("wrong_hash")
    with pytest.raises(BillInvalid) as refusal:
        platform.bill(_today())
    assert refusal.value.code == "BILL_HASH"


def test_f54_a_day_without_trades_and_a_bill_that_is_late_are_not_errors_of_ours(
    platform: Platform, channel: str, lie: Callable[..., None]
) -> None:
    with pytest.raises(BillMissing):
        platform.bill(_today() - timedelta(days=80))
    lie("not_ready")
    # Alipay has one word for both.
    with pytest.raises(BillNotReady if channel == "wechat" else BillMissing):
        platform.bill(_today())


def test_a_bill_is_never_fetched_inside_a_scope(db: None, platform: Platform, street: Any) -> None:
    from apps.common.scoping import landlord_scope

    with landlord_scope(street.li.landlord.pk), pytest.raises(OutsideCallInScope):
        platform.bill(_today())


def test_a_file_larger_than_any_bill_is_dropped_while_it_comes(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bills, "LARGEST_FILE_BYTES", 100)
    scripted.replies.append((200, {}, b"x" * 101))
    host = scripted.url.removeprefix("http://")
    with pytest.raises(BillInvalid) as refusal:
        bills.download("wechat", f"{scripted.url}/file", allowed={host: "http"})
    assert refusal.value.code == "BILL_TOO_LARGE"


def test_a_host_that_is_not_the_platforms_is_never_asked() -> None:
    for url in (
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://api.mch.weixin.qq.com@evil.test/x",
    ):
        with pytest.raises(BillInvalid) as refusal:
            bills.download("wechat", url, allowed={"api.mch.weixin.qq.com": "https"})
        assert refusal.value.code == "BILL_ADDRESS"
    with pytest.raises(PlatformUnreachable):
        bills.download("wechat", "http://127.0.0.1:9/x", allowed={"127.0.0.1:9": "http"})


HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
PAID = (
    "`2026-11-22 23:59:59,`wx1,`1900,`0,`,`4200,`RM0001,`o1,`NATIVE,`SUCCESS,`OTHERS,`CNY,`49.00,`1.00,`0,`0,`0.00,"
    "`0.00,`,`,`电费,`,`0.29400,`0.60%,`50.00,`0.00,`"
)
TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def _wechat(*lines: str) -> bytes:
    return "\r\n".join([*lines, ""]).encode()


def test_f54_backticks_and_a_coupon_are_read_as_the_orders_total_at_beijing_time() -> None:
    (line,) = read_wechat_bill(
        _wechat(HEAD, PAID, TOTALS, "`1,`49.00,`0.00,`0.00,`0.29400,`50.00,`0.00"), DAY
    ).lines
    assert (line.kind, line.amount_yuan, line.fee_yuan) == (
        LineKind.PAYMENT,
        Decimal("50.00"),
        Decimal("0.29400"),
    )
    assert line.happened_at == datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)
    assert (line.merchant_id, line.out_trade_no, line.transaction_id) == ("1900", "RM0001", "4200")


@pytest.mark.parametrize(
    ("said", "ended"), [("SUCCESS", [True]), ("PROCESSING", [False]), ("CHANGE", [False]), ("FAIL", [])]
)
def test_a_refund_has_ended_only_where_the_bill_says_so_and_one_that_failed_moved_nothing(
    said: str, ended: list[bool]
) -> None:
    back = (
        "`2026-11-22 23:59:59,`wx1,`1900,`0,`,`4200,`RM0001,`o1,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`5030,"
        f"`RM0001F01,`50.00,`0.00,`ORIGINAL,`{said},`电费,`,`-0.30000,`0.60%,`0.00,`50.00,`"
    )
    text = _wechat(HEAD, back, TOTALS, "`1,`0.00,`50.00,`0.00,`-0.30000,`0.00,`50.00")
    assert [line.is_ended for line in read_wechat_bill(text, DAY).lines] == ended


def test_an_empty_day_has_no_lines() -> None:
    assert (
        read_wechat_bill(_wechat(HEAD, TOTALS, "`0,`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00"), DAY).lines == ()
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        _wechat(HEAD, PAID),
        _wechat(HEAD, PAID, TOTALS),
        _wechat(HEAD, PAID.replace("50.00", "5e1"), TOTALS, "`1,`49.00,`0.00,`0.00,`0.29400,`50.00,`0.00"),
        _wechat(
            HEAD, PAID.replace("50.00", "50.005"), TOTALS, "`1,`49.00,`0.00,`0.00,`0.29400,`50.005,`0.00"
        ),
        _wechat(HEAD, PAID.replace("CNY", "USD"), TOTALS, "`1,`49.00,`0.00,`0.00,`0.29400,`50.00,`0.00"),
        _wechat(HEAD, PAID, TOTALS, "`1,`49.00,`0.00,`0.00,`0.29400,`50.01,`0.00"),
        _wechat(HEAD, PAID, TOTALS, "`2,`49.00,`0.00,`0.00,`0.29400,`50.00,`0.00"),
        _wechat(HEAD, PAID + ",`", TOTALS, "`1,`49.00,`0.00,`0.00,`0.29400,`50.00,`0.00"),
        b'{"code":"SYSTEM_ERROR"}',
    ],
)
def test_whatever_else_arrives_is_no_bill(text: bytes) -> None:
    with pytest.raises(BillInvalid):
        read_wechat_bill(text, DAY)
    with pytest.raises(BillInvalid):
        unpacked(text)


def test_a_bomb_in_either_wrapping_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.income.platforms import alipay_bill, wechat_bill

    monkeypatch.setattr(alipay_bill, "LARGEST_TEXT_BYTES", 1000)
    monkeypatch.setattr(wechat_bill, "LARGEST_TEXT_BYTES", 1000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bill.csv", b"0" * 5000)
    for unpack, file in ((unpacked, out.getvalue()), (wechat_bill._unpacked, gzip.compress(b"0" * 5000))):
        with pytest.raises(BillInvalid) as refusal:
            unpack(file)
        assert refusal.value.code == "BILL_TOO_LARGE"


def test_an_alipay_file_of_another_day_is_refused() -> None:
    text = "#支付宝业务明细查询\n#账号：[20880011223344550156]\n#起始日期：[2026年11月21日 00:00:00]\n支付宝交易号,x\n"
    with pytest.raises(BillInvalid) as refusal:
        read_alipay_bill(text, DAY)
    assert refusal.value.code == "BILL_WRONG_DAY"

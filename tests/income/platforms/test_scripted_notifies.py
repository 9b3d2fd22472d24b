"""Every lie a scripted platform can post is told apart from the truth by our adapters; the coupon is no lie."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.income.platforms.adapters import platform_for
from apps.income.platforms.base import NotifyRefused, Platform
from apps.sandbox import alipay_content, wechat_content
from apps.sandbox.certificates import new_key
from apps.sandbox.faults import FORGING
from apps.sandbox.merchants import load_merchants, make_merchants
from apps.sandbox.orders import Order, State

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)

# Alipay keeps a repeat up for a day and knows no serial, no header and no seal.
CODES = {
    "wechat": {
        "wrong_currency": "WRONG_CURRENCY",
        "wrong_app": "WRONG_APP",
        "wrong_merchant": "WRONG_MERCHANT",
        "bad_signature": "BAD_SIGNATURE",
        "flip_byte": "BAD_SIGNATURE",
        "old_timestamp": "OUTSIDE_WINDOW",
        "future_timestamp": "OUTSIDE_WINDOW",
        "unknown_serial": "UNKNOWN_SERIAL",
        "signtest": "SIGNATURE_PROBE",
        "missing_header": "MISSING_HEADER",
        "empty_body": "EMPTY",
        "huge_body": "TOO_LARGE",
        "not_a_notify": "NOT_JSON",
        "rewritten_body": "BAD_SIGNATURE",
        "broken_seal": "DECRYPTION",
    },
    "alipay": {
        "wrong_currency": "WRONG_CURRENCY",
        "wrong_app": "WRONG_APP",
        "wrong_merchant": "WRONG_MERCHANT",
        "bad_signature": "BAD_SIGNATURE",
        "flip_byte": "BAD_SIGNATURE",
        "future_timestamp": "OUTSIDE_WINDOW",
        "unknown_serial": "BAD_SIGNATURE",
        "signtest": "BAD_SIGNATURE",
        "missing_header": "MISSING_FIELD",
        "empty_body": "EMPTY",
        "huge_body": "TOO_LARGE",
        "not_a_notify": "NOT_A_FORM",
        "rewritten_body": "BAD_SIGNATURE",
        "broken_seal": "BAD_SIGNATURE",
    },
}


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    state: Path = tmp_path_factory.mktemp("scripted")
    book = make_merchants(state, ["li"])
    merchants, stranger = load_merchants(state), new_key()
    wechat = merchants.wechat[book["wechat"][0]["mchid"]]
    alipay = merchants.alipay[book["alipay"][0]["app_id"]]

    def posted(channel: str, forged: str) -> tuple[Platform, dict[str, str], bytes]:
        merchant, app_id = (
            (wechat.mchid, wechat.appid) if channel == "wechat" else (alipay.app_id, alipay.app_id)
        )
        order = Order(
            channel, merchant, app_id, "RSCRIPT00001", "JSAPI", Decimal("50.00"), "电费", "payer",
            "https://example.test/n", "", "", "", NOW, NOW, True, "4200001234", State.SUCCESS, NOW,
        )  # fmt: skip
        if channel == "wechat":
            told = wechat_content.notify(
                "0" * 32, order, None, wechat, NOW, NOW, forged=forged, stranger=stranger
            )
        else:
            told = alipay_content.notify("0" * 32, order, None, alipay, NOW, forged=forged, stranger=stranger)
        return platform_for(channel, book[channel][0]), *told

    return posted


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
def test_every_scripted_lie_is_told_apart_from_the_truth(posted: Any, channel: str) -> None:
    for forged in ("", *FORGING):
        platform, headers, body = posted(channel, forged)
        if forged in CODES[channel]:
            with pytest.raises(NotifyRefused) as refusal:
                platform.read_notify(headers, body, NOW)
            assert refusal.value.code == CODES[channel][forged]
            continue
        result = platform.read_notify(headers, body, NOW)
        said = (result.out_trade_no, result.state, result.amount_yuan)
        truth = ("RSCRIPT00001", "PAID", Decimal("50.00"))
        is_true = forged in ("", "coupon") or (forged, channel) == ("old_timestamp", "alipay")
        assert (said == truth) is is_true, forged

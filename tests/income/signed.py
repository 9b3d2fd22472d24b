"""Notifies as the platforms sign them for one payment, and the very view they are posted to."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.http import HttpResponse
from django.test import Client

from apps.income.models import Payment
from apps.sandbox.certificates import load_private
from tests.income.platforms.notes import alipay_fields, alipay_notify, wechat_notify, wechat_transaction

Posted = tuple[dict[str, str], bytes]


@cache
def _loaded(path: Path) -> RSAPrivateKey:
    return load_private(path.read_text("ascii"))


@dataclass(frozen=True)
class Platforms:
    """Both platforms with their private keys, by the owner of a merchant account."""

    state: Path
    book: dict[str, Any]

    def account(self, channel: str, owner: str = "li") -> dict[str, Any]:
        return next(one for one in self.book[channel] if one["owner"] == owner)

    def key(self, channel: str, owner: str = "li") -> RSAPrivateKey:
        account = self.account(channel, owner)
        name = f"{channel}-{account['mchid' if channel == 'wechat' else 'app_id']}.pem"
        return _loaded(self.state / "platform" / name)

    def notify(self, payment: Payment, now: datetime, *, owner: str = "li", **changed: Any) -> Posted:
        """The platform's word that `payment` was paid, with `changed` fields, rightly signed."""
        account, key = self.account(payment.channel, owner), self.key(payment.channel, owner)
        if payment.channel == "wechat":
            fen = int(payment.amount_yuan * 100)
            content = wechat_transaction(
                account,
                out_trade_no=payment.out_trade_no,
                transaction_id=f"42{payment.out_trade_no}",
                amount={"total": fen, "payer_total": fen, "currency": "CNY"},
            )
            return wechat_notify(account, key, {**content, **changed}, now)
        local = f"{now.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M:%S}"
        fields = alipay_fields(
            account,
            out_trade_no=payment.out_trade_no,
            trade_no=f"2026{payment.out_trade_no}",
            total_amount=str(payment.amount_yuan),
            notify_time=local,
            gmt_payment=local,
        )
        return {"Content-Type": "application/x-www-form-urlencoded"}, alipay_notify(
            key, {**fields, **changed}
        )


def post(payment: Payment, posted: Posted, *, account_id: Any = None) -> HttpResponse:
    """Post it where the platform would."""
    headers, body = posted
    rest = {name: value for name, value in headers.items() if name != "Content-Type"}
    path = f"/pay/notify/{payment.channel}/{account_id or payment.account_id}/"
    return Client().post(
        path, body, content_type=headers.get("Content-Type", "application/json"), headers=rest
    )


def is_success(payment: Payment, answer: Any) -> bool:
    """Whether the platform would stop repeating."""
    if payment.channel == "wechat":
        return answer.status_code in (200, 204)
    return bool(answer.status_code == 200 and answer.content == b"success")

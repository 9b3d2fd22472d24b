"""Thousands of notifies with something wrong in them, through the very view: not one is believed.

500 by default; `make notify-fuzz` asks for 10,000. The seed is fixed: a failure comes again.
"""

import json
import logging
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_from_bytes

import pytest
from django.utils import timezone

from apps.common.scoping import landlord_scope
from apps.income.models import Entry, Payment, Recharge
from apps.income.states import Channel, PaymentState
from apps.sandbox.certificates import new_key
from tests.income.platforms.notes import alipay_notify, wechat_headers
from tests.income.platforms.scripted import Scripted, scripted_platform
from tests.income.scene import scene_of
from tests.income.signed import Platforms, Posted, is_success, post
from tests.people import Street

MUTATIONS = int(os.environ.get("NOTIFY_MUTATIONS", "500"))
SEED = 20261123
SIGNED = ("Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature")

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


@pytest.fixture
def platforms(sandbox_state: Path, book: dict[str, Any]) -> Platforms:
    return Platforms(sandbox_state, book)


@pytest.fixture
def nobody() -> Iterator[Scripted]:
    """An address that counts whoever calls it."""
    with scripted_platform() as server:
        yield server


class Forger:
    """Spoils good notifies, each time in another way. `kinds` are the ways, per channel."""

    def __init__(self, payment: Payment, platforms: Platforms, good: Posted) -> None:
        self.payment, self.good, self.platforms = payment, good, platforms
        self.chance = random.Random(SEED)
        self.stranger = new_key()
        self.now = timezone.now()
        self.account = platforms.account(payment.channel)
        everywhere: list[Callable[[], Posted]] = [self.bit, self.cut, self.grown, self.rubbish, self.spliced]
        self.kinds: list[Callable[[], Posted]] = everywhere + (
            [
                self.header,
                self.no_header,
                self.late,
                self.serial,
                self.strangers_hand,
                self.wangs_hand,
                self.resealed,
            ]
            if payment.channel == Channel.WECHAT
            else [self.field, self.no_field, self.strangers_form, self.wangs_form, self.signature]
        )

    def forged(self) -> Posted:
        """A notify that means something else than the good one, or is signed by somebody else."""
        while True:
            headers, body = self.chance.choice(self.kinds)()
            if not self.same(headers, body):
                return headers, body

    def same(self, headers: dict[str, str], body: bytes) -> bool:
        """Whether it is the good notify in other letters, as `%2f` is `%2F` in a form."""
        if self.payment.channel == Channel.WECHAT:
            return (headers, body) == self.good
        return meaning(body) == meaning(self.good[1])

    def bit(self) -> Posted:
        headers, body = self.good
        at = self.chance.randrange(len(body))
        return headers, body[:at] + bytes([body[at] ^ (1 << self.chance.randrange(8))]) + body[at + 1 :]

    def cut(self) -> Posted:
        headers, body = self.good
        return headers, body[: self.chance.randrange(len(body))]

    def grown(self) -> Posted:
        headers, body = self.good
        more = self.chance.choice([b" ", b"\n", b"}", b"&a=b", b"\x00", b"x" * 70_000])
        return headers, body + more if self.chance.random() < 0.5 else more + body

    def rubbish(self) -> Posted:
        return self.good[0], self.chance.randbytes(self.chance.randrange(0, 400))

    def spliced(self) -> Posted:
        headers, body = self.good
        a, b = sorted(self.chance.randrange(len(body)) for _ in range(2))
        return headers, body[:a] + self.chance.randbytes(b - a) + body[b:]

    def header(self) -> Posted:
        headers, body = self.good
        name = self.chance.choice(SIGNED)
        value = headers[name]
        at = self.chance.randrange(len(value))
        other = self.chance.choice("0123456789ABCDEFabcdef+/=_ ")
        return {**headers, name: value[:at] + other + value[at + 1 :]}, body

    def no_header(self) -> Posted:
        gone = self.chance.choice(SIGNED)
        return {name: value for name, value in self.good[0].items() if name != gone}, self.good[1]

    def late(self) -> Posted:
        """Rightly signed, outside the window."""
        away = self.chance.choice([-1, 1]) * self.chance.randrange(400, 10**8)
        stamp = max(int(self.now.timestamp()) + away, 1)
        body = self.good[1]
        headers = wechat_headers(
            self.platforms.key("wechat"), body, stamp, self.account["platform_public_key_id"]
        )
        return headers, body

    def serial(self) -> Posted:
        unknown = "PUB_KEY_ID_" + str(self.chance.randrange(10**24)).zfill(24)
        return {**self.good[0], "Wechatpay-Serial": unknown}, self.good[1]

    def strangers_hand(self) -> Posted:
        serial = self.account["platform_public_key_id"]
        return wechat_headers(self.stranger, self.good[1], int(self.now.timestamp()), serial), self.good[1]

    def wangs_hand(self) -> Posted:
        """Signed by WeChat, for Wang: with her key's name, or with Li's."""
        owner = self.chance.choice(["li", "wang"])
        serial = self.platforms.account("wechat", owner)["platform_public_key_id"]
        key = self.platforms.key("wechat", "wang")
        return wechat_headers(key, self.good[1], int(self.now.timestamp()), serial), self.good[1]

    def resealed(self) -> Posted:
        """Signed rightly, but the seal or what it lies in is spoiled."""
        notify = json.loads(self.good[1])
        name = self.chance.choice(["ciphertext", "nonce", "associated_data", "algorithm"])
        value = notify["resource"][name]
        at = self.chance.randrange(len(value) - 3)
        notify["resource"][name] = value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]
        body = json.dumps(notify).encode()
        key, serial = self.platforms.key("wechat"), self.account["platform_public_key_id"]
        return wechat_headers(key, body, int(self.now.timestamp()), serial), body

    def fields(self) -> dict[str, str]:
        return dict(parse_qsl(self.good[1].decode("ascii"), keep_blank_values=True))

    def field(self) -> Posted:
        fields = self.fields()
        name = self.chance.choice(sorted(fields))
        fields[name] = fields[name] + self.chance.choice(["0", "1", " ", "元", "%"])
        return self.good[0], form(fields)

    def no_field(self) -> Posted:
        fields = self.fields()
        del fields[self.chance.choice(sorted(fields))]
        return self.good[0], form(fields)

    def unsigned(self) -> dict[str, str]:
        return {name: value for name, value in self.fields().items() if name not in ("sign", "sign_type")}

    def strangers_form(self) -> Posted:
        return self.good[0], alipay_notify(self.stranger, self.unsigned())

    def wangs_form(self) -> Posted:
        return self.good[0], alipay_notify(self.platforms.key("alipay", "wang"), self.unsigned())

    def signature(self) -> Posted:
        fields = self.fields()
        sign = fields["sign"]
        at = self.chance.randrange(len(sign))
        fields["sign"] = sign[:at] + self.chance.choice("ABCDEFabcdef0123+/= ") + sign[at + 1 :]
        return self.good[0], form(fields)


def form(fields: dict[str, str]) -> bytes:
    return "&".join(
        f"{quote_from_bytes(name.encode())}={quote_from_bytes(value.encode())}"
        for name, value in fields.items()
    ).encode("ascii")


def meaning(body: bytes) -> Any:
    """What a form says: its fields that are not empty, or None where it is no form."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        return None
    return sorted((name, value) for name, value in pairs if value)


@pytest.mark.parametrize("channel", list(Channel))
def test_no_forged_notify_is_believed_and_none_makes_us_call_out_or_stumble(
    paying_street: Street,
    platforms: Platforms,
    sandbox: str,
    nobody: Scripted,
    settings: Any,
    channel: Channel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = scene_of(paying_street.li, sandbox)
    payment = scene.order(channel)
    settings.SANDBOX_URL = nobody.url
    good = platforms.notify(payment, timezone.now())
    forger = Forger(payment, platforms, good)
    statuses: dict[int, int] = {}
    with caplog.at_level(logging.ERROR):
        for number in range(MUTATIONS // 2):
            if number % 500 == 499:
                # The window is five minutes, and a slow machine may need them.
                forger.now = timezone.now()
                forger.good = platforms.notify(payment, forger.now)
            forged = forger.forged()
            answer = post(payment, forged)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            assert not is_success(payment, answer), (number, forged)
            assert 400 <= answer.status_code < 500, (number, forged)
    assert nobody.asked == []
    assert caplog.records == []
    assert sum(statuses.values()) == MUTATIONS // 2
    assert scene.seen(payment).state == PaymentState.PENDING
    with landlord_scope(scene.house.landlord.pk):
        assert not Recharge.objects.exists()
        assert not Entry.objects.exists()
    # And it was not deaf: the good one is believed.
    assert is_success(payment, post(payment, platforms.notify(payment, timezone.now())))
    assert scene.seen(payment).state == PaymentState.PAID

"""Two landlords' merchant accounts, the platforms' keys, and the sandbox platforms as a process."""

import itertools
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from apps.income.platforms.adapters import platform_for
from apps.income.platforms.alipay import AlipayPlatform
from apps.income.platforms.base import ChargeRequest, Platform
from apps.income.platforms.wechat import WeChatPlatform
from apps.sandbox.certificates import load_private
from apps.sandbox.identity import openid
from apps.sandbox.merchants import make_merchants
from tests.income.platforms.notes import wechat_notify, wechat_transaction
from tests.income.platforms.scripted import Scripted, scripted_platform

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def state(merchants: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(merchants, tmp_path_factory.mktemp("sandbox") / "state"))


@pytest.fixture(scope="session")
def book(state: Path) -> dict[str, Any]:
    return make_merchants(state, ["li", "wang"])


def _of(book: dict[str, Any], channel: str, owner: str) -> dict[str, Any]:
    return next(account for account in book[channel] if account["owner"] == owner)


@pytest.fixture(scope="session")
def li_wechat(book: dict[str, Any]) -> dict[str, Any]:
    return _of(book, "wechat", "li")


@pytest.fixture(scope="session")
def wang_wechat(book: dict[str, Any]) -> dict[str, Any]:
    return _of(book, "wechat", "wang")


@pytest.fixture(scope="session")
def li_alipay(book: dict[str, Any]) -> dict[str, Any]:
    return _of(book, "alipay", "li")


@pytest.fixture(scope="session")
def wang_alipay(book: dict[str, Any]) -> dict[str, Any]:
    return _of(book, "alipay", "wang")


@pytest.fixture(scope="session")
def wechat_key(state: Path, li_wechat: dict[str, Any]) -> RSAPrivateKey:
    """The key with which WeChat signs for Li."""
    return load_private((state / "platform" / f"wechat-{li_wechat['mchid']}.pem").read_text("ascii"))


@pytest.fixture(scope="session")
def alipay_key(state: Path, li_alipay: dict[str, Any]) -> RSAPrivateKey:
    """The key with which Alipay signs for Li."""
    return load_private((state / "platform" / f"alipay-{li_alipay['app_id']}.pem").read_text("ascii"))


@pytest.fixture(scope="session")
def wechat(li_wechat: dict[str, Any]) -> WeChatPlatform:
    return WeChatPlatform(li_wechat, base_url="http://127.0.0.1:9")


@pytest.fixture(scope="session")
def alipay(li_alipay: dict[str, Any]) -> AlipayPlatform:
    return AlipayPlatform(li_alipay, base_url="http://127.0.0.1:9")


@pytest.fixture(scope="session")
def sandbox(state: Path, book: dict[str, Any]) -> Iterator[str]:
    """The address of both sandbox platforms, running as they do in the demo."""
    command = [sys.executable, "-m", "apps.sandbox", "--port", "0", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        try:
            yield said.split()[-1]
        finally:
            process.terminate()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with scripted_platform() as server:
        yield server


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 6, 3, 11, tzinfo=UTC)


@pytest.fixture(params=["wechat", "alipay"])
def channel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def account(channel: str, book: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in book[channel] if one["owner"] == "li")


@pytest.fixture
def platform(channel: str, account: dict[str, Any], sandbox: str) -> Platform:
    return platform_for(channel, account, base_url=sandbox)


@pytest.fixture
def payer_id(platform: Platform, sandbox: str) -> str:
    """The id under which this platform's app knows the payer Sun."""
    return openid(platform.app_id, "sun")


@pytest.fixture
def charge(scripted: Scripted) -> Callable[..., ChargeRequest]:
    def make(**changed: Any) -> ChargeRequest:
        wish: dict[str, Any] = {
            "out_trade_no": f"RM{time.time_ns()}{next(_numbers)}",
            "amount_yuan": Decimal("50.10"),
            "description": "电费充值 3号楼/1202 & more = 100%",
            "payer_id": None,
            "notify_url": f"{scripted.url}/pay/notify/1/",
            "expires_at": datetime.now(UTC) + timedelta(minutes=30),
            "payer_ip": "127.0.0.1",
        }
        return ChargeRequest(**{**wish, **changed})

    return make


@pytest.fixture
def paid(li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime) -> tuple[dict[str, str], bytes]:
    """What WeChat says when an order of Li's was paid: headers and body."""
    return wechat_notify(li_wechat, wechat_key, wechat_transaction(li_wechat), now)

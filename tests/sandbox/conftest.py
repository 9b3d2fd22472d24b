"""One pair of pretend platforms and one book of merchants for all tests; order numbers are always fresh."""

import os
import secrets
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from alipay import DCAliPay
from wechatpayv3 import WeChatPay, WeChatPayType

from apps.sandbox.merchants import make_merchants
from apps.sandbox.server import SandboxServer, system_clock
from tests.sandbox.shop import Shop

SCHEDULE_S = (0.01, *([0.03] * 9))


class Clock:
    """The machine's time, plus whatever a test wants to have passed."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.ahead


def wechat_sdk(account: dict[str, Any], url: str) -> WeChatPay:
    """The real SDK in public-key mode, pointed at the pretend platform."""
    sdk = WeChatPay(
        WeChatPayType.JSAPI,
        mchid=account["mchid"],
        private_key=account["private_key_pem"],
        cert_serial_no=account["serial_no"],
        appid=account["appid"],
        apiv3_key=account["apiv3_key"],
        public_key=account["platform_public_key_pem"],
        public_key_id=account["platform_public_key_id"],
        timeout=(5, 10),
    )
    sdk._core._gate_way = url
    return sdk


def alipay_sdk(account: dict[str, Any], url: str) -> DCAliPay:
    """The real SDK in certificate mode, pointed at the pretend platform."""
    with warnings.catch_warnings():
        # The SDK reads certificates through parts of pyOpenSSL that are on their way out.
        warnings.simplefilter("ignore", DeprecationWarning)
        sdk = DCAliPay(
            account["app_id"],
            account["app_private_key_pem"],
            account["app_cert_pem"],
            account["alipay_cert_pem"],
            account["alipay_root_cert_pem"],
        )
        assert sdk.app_cert_sn
        assert sdk.alipay_root_cert_sn
    sdk._gateway = f"{url}/gateway.do"
    return sdk


@pytest.fixture(scope="session", autouse=True)
def beijing_time() -> Iterator[None]:
    """The Alipay SDK writes the process's local time, and the platform wants Beijing's."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Shanghai"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture(scope="session")
def state(merchants: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(merchants, tmp_path_factory.mktemp("sandbox") / "state"))


@pytest.fixture(scope="session")
def book(state: Path) -> dict[str, Any]:
    return make_merchants(state, ["li", "wang"])


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def running(state: Path, book: dict[str, Any], clock: Clock) -> Iterator[SandboxServer]:
    server = SandboxServer(state, clock=clock, schedule_s=SCHEDULE_S)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sandbox(running: SandboxServer, clock: Clock) -> Iterator[SandboxServer]:
    yield running
    running.faults.clear()
    clock.ahead = timedelta()


@pytest.fixture
def url(sandbox: SandboxServer) -> str:
    return sandbox.url


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.stop()


@pytest.fixture
def number() -> str:
    """A fresh out_trade_no both platforms accept."""
    return f"RM{secrets.token_hex(10)}"


@pytest.fixture(scope="session")
def sdks(book: dict[str, Any], running: SandboxServer) -> dict[str, Any]:
    """Loading RSA keys is slow, so every SDK is made once; no test changes one."""
    return {
        "wechat": [wechat_sdk(account, running.url) for account in book["wechat"]],
        "alipay": [alipay_sdk(account, running.url) for account in book["alipay"]],
    }


@pytest.fixture
def wechat(sdks: dict[str, Any], sandbox: SandboxServer) -> WeChatPay:
    return sdks["wechat"][0]


@pytest.fixture
def other_wechat(sdks: dict[str, Any], sandbox: SandboxServer) -> WeChatPay:
    return sdks["wechat"][1]


@pytest.fixture
def alipay(sdks: dict[str, Any], sandbox: SandboxServer) -> DCAliPay:
    return sdks["alipay"][0]


@pytest.fixture
def other_alipay(sdks: dict[str, Any], sandbox: SandboxServer) -> DCAliPay:
    return sdks["alipay"][1]


@pytest.fixture
def pay(url: str) -> Callable[..., requests.Response]:
    """The payer confirms, through the control port."""

    def pay(number: str, **wish: object) -> requests.Response:
        return requests.post(f"{url}/orders/{number}/pay", json=wish, timeout=5)

    return pay


@pytest.fixture
def order_seen(url: str) -> Callable[[str], dict[str, Any]]:
    """What the control port shows of an order."""

    def order_seen(number: str) -> dict[str, Any]:
        return requests.get(f"{url}/orders/{number}", timeout=5).json()

    return order_seen

"""Merchants made once, books that survive a restart, and start-up errors in one sentence."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from apps.sandbox.__main__ import main
from apps.sandbox.merchants import make_merchants
from apps.sandbox.server import SandboxServer
from tests.sandbox.conftest import SCHEDULE_S, Clock, alipay_sdk, wechat_sdk
from tests.sandbox.shop import Shop
from tests.sandbox.test_alipay import create, query
from tests.sandbox.test_wechat import order

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def own_state(tmp_path: Path, state: Path, book: dict[str, Any]) -> Path:
    """The same merchants with empty books."""
    shutil.copytree(state / "platform", tmp_path / "platform")
    shutil.copy(state / "merchants.json", tmp_path / "merchants.json")
    return tmp_path


def test_making_merchants_again_changes_nothing_and_a_new_landlord_is_added(
    own_state: Path, book: dict[str, Any]
) -> None:
    assert make_merchants(own_state, ["li", "wang", "li"]) == book
    more = make_merchants(own_state, ["li", "wang", "zhao"])
    for channel in ("wechat", "alipay"):
        assert more[channel][:2] == book[channel]
        assert [account["owner"] for account in more[channel]] == ["li", "wang", "zhao"]
    assert more["alipay"][2]["alipay_root_cert_pem"] == book["alipay"][0]["alipay_root_cert_pem"]
    assert json.loads((own_state / "merchants.json").read_text("utf-8")) == more


def test_merchants_hold_what_a_merchant_holds_and_no_platform_key(state: Path, book: dict[str, Any]) -> None:
    text = (state / "merchants.json").read_text("utf-8")
    for path in (state / "platform").glob("*.pem"):
        secret = path.read_text("ascii").split("-----")[2].strip()
        assert json.dumps(secret)[1:-1] not in text
        assert path.stat().st_mode & 0o077 == 0
    for account in book["wechat"]:
        assert account["private_key_pem"].startswith("-----BEGIN PRIVATE KEY-----\n")
        assert len(account["apiv3_key"]) == 32
        assert account["platform_public_key_id"].startswith("PUB_KEY_ID_")
        assert account["appid"] == book["wechat_app"]["appid"]
    for account in book["alipay"]:
        bundle = account["alipay_root_cert_pem"]
        assert "\r" not in bundle
        assert bundle.count("\n\n") == bundle.count("BEGIN CERTIFICATE") - 1 == 1


def test_orders_and_untold_notifies_survive_a_restart(
    own_state: Path, book: dict[str, Any], shop: Shop, number: str
) -> None:
    first = SandboxServer(own_state, schedule_s=(60.0,))
    first.start()
    wechat = wechat_sdk(book["wechat"][0], first.url)
    order(wechat, number, shop)
    order(wechat, f"{number}2", shop)
    create(alipay_sdk(book["alipay"][0], first.url), number, shop)
    mchid = book["wechat"][0]["mchid"]
    requests.post(f"{first.url}/orders/{number}/pay", json={"merchant": mchid}, timeout=5)
    first.stop()
    assert shop.now(number) == []

    later = Clock()
    later.ahead = timedelta(seconds=90)
    second = SandboxServer(own_state, clock=later, schedule_s=SCHEDULE_S)
    second.start()
    try:
        wechat._core._gate_way = second.url
        told = shop.told(number)[0]
        assert wechat.callback(told.headers, told.body)["resource"]["out_trade_no"] == number
        assert json.loads(wechat.query(out_trade_no=number)[1])["trade_state"] == "SUCCESS"
        assert json.loads(wechat.query(out_trade_no=f"{number}2")[1])["trade_state"] == "NOTPAY"
        alipay = alipay_sdk(book["alipay"][0], second.url)
        assert query(alipay, number)["trade_status"] == "WAIT_BUYER_PAY"
    finally:
        second.stop()


def test_the_program_serves_and_ends_with_status_0_at_sigterm(own_state: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "apps.sandbox", "--port", "0", "--state", str(own_state)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert requests.get(f"{url}/orders", timeout=5).json() == []
        asked_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert time.monotonic() - asked_at < 2
    finally:
        process.kill()
        out, error = process.communicate()
    assert (out, error) == ("", "")


def test_a_start_up_error_is_one_sentence_and_status_1(
    own_state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = str(tmp_path / "empty")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "merchants.json").write_text('{"wechat": [{}]}', "utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for word, words in (
            ("listen", ["--port", port, "--state", str(own_state)]),
            ("make-merchants", ["--port", "0", "--state", empty]),
            ("cannot be read", ["--port", "0", "--state", str(broken)]),
            ("port", ["--port", "much", "--state", str(own_state)]),
            ("port", ["--port", "70000", "--state", str(own_state)]),
            ("--state", ["--port", "0"]),
            ("landlords", ["make-merchants", "--state", empty, "--landlords", "Li!"]),
        ):
            with pytest.raises(SystemExit) as end:
                main(words)
            error = capsys.readouterr().err
            assert end.value.code == 1
            assert error.count("\n") == 1
            assert word in error

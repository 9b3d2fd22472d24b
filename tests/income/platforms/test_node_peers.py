"""Two implementations that are not ours judge what we sign, what the sandbox signs, and the published examples.

npm's `wechatpay-axios-plugin` and `alipay-sdk`, in the versions of `peers/package-lock.json`, installed once into
var/. Skipped where there is no Node: our own tests against the published examples stand without it.
"""

import fcntl
import json
import shutil
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apps.common.alipay_gateway import AlipayGateway
from apps.income.platforms.wechat import WeChatPlatform
from apps.sandbox import alipay_content, wechat_content
from apps.sandbox.merchants import load_merchants, make_merchants
from apps.sandbox.orders import Order, State

pytestmark = pytest.mark.thorough

HERE = Path(__file__).parent / "peers"
PLACE = Path(__file__).parents[3] / "var" / "node_peers"
VECTORS = json.loads((Path(__file__).parents[2] / "sandbox/vectors/payments.json").read_text("utf-8"))
KEYS = {name: key.get("pem", "") for name, key in VECTORS["keys"].items()}
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def peers() -> Any:
    """Return a function that puts questions to the peers; installs them where they are not yet."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("NOT RUN: there is no Node on this machine to run the independent implementations")
    PLACE.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "package-lock.json").read_text("utf-8")
    seen = PLACE / "installed.json"
    with (PLACE / "installing").open("w") as one_at_a_time:
        # `npm ci` begins by deleting what stands there, so a second process must wait and then find it done.
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not seen.exists() or seen.read_text("utf-8") != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, PLACE / name)
            install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            done = subprocess.run(
                install, cwd=PLACE, capture_output=True, text=True, timeout=300, check=False
            )
            if done.returncode:
                pytest.skip(f"NOT RUN: npm could not install the peers: {done.stderr.strip()[:200]}")
            seen.write_text(lock, "utf-8")

    def ask(questions: list[dict[str, Any]]) -> list[Any]:
        done = subprocess.run(
            ["node", str(HERE / "peers.mjs")],
            cwd=PLACE,
            input=json.dumps(questions),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers: list[Any] = json.loads(done.stdout)
        return answers

    return ask


def public_pem(key: Any) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def order(channel: str, merchant: str) -> Order:
    return Order(
        channel=channel,  # type: ignore[arg-type]
        merchant=merchant,
        out_trade_no="RPEER0000001",
        transaction_id="4200001234202611230000000001",
        app_id="wx1",
        trade_type="JSAPI",
        return_url="",
        attach="",
        terms="",
        reached=True,
        amount_yuan=Decimal("50.00"),
        description="电费 3号楼 302",
        payer_id="payer",
        notify_url="https://example.test/n",
        created_at=NOW,
        expires_at=NOW,
        state=State.SUCCESS,
        paid_at=NOW,
    )


def test_the_peers_agree_with_every_published_example(peers: Any) -> None:
    some_private = KEYS["wechat_doc_merchant_key"]
    questions: list[tuple[dict[str, Any], Any]] = []
    for one in VECTORS["vectors"]:
        if one["kind"] == "alipay_notify" and "sign_type" in one["drop"]:
            asked = {"ask": "alipay_notify", "params": one["params"], "key": KEYS[one["key"]]}
            questions.append(({**asked, "private_key": some_private}, one["valid"]))
        elif one["kind"] == "wechat_v3_notify":
            headers = one["headers"]
            asked = {
                "ask": "wechat_answer",
                "timestamp": headers["Wechatpay-Timestamp"],
                "nonce": headers["Wechatpay-Nonce"],
                "signature": headers["Wechatpay-Signature"],
                "body": one["body"],
                "key": KEYS[one["key"]],
            }
            questions.append((asked, True))
        elif one["kind"] in ("alipay_cert_sn", "alipay_root_cert_sn"):
            asked = {"ask": "serial", "pem": one["cert_pem"], "is_root": one["kind"] == "alipay_root_cert_sn"}
            questions.append((asked, one["expected"]))
    assert len(questions) >= 6
    answers = peers([asked for asked, _ in questions])
    assert answers == [expected for _, expected in questions]


def test_the_peers_accept_what_we_sign_and_refuse_it_changed(peers: Any, tmp_path: Path) -> None:
    book = make_merchants(tmp_path, ["li"])
    wechat, alipay = book["wechat"][0], book["alipay"][0]
    platform = WeChatPlatform(wechat)
    lines = ["POST", "/v3/pay/transactions/jsapi", "1700000000", "nonce", '{"amount":{"total":5000}}']
    signed = dict(zip(("method", "url", "timestamp", "nonce", "body"), lines, strict=True))
    merchants = load_merchants(tmp_path)
    ours = public_pem(merchants.wechat[wechat["mchid"]].public_key)
    asked = {"ask": "wechat_request", "key": ours, "signature": platform._sdk.sign(lines), **signed}
    gateway = AlipayGateway(alipay)
    body = gateway.build_body("alipay.trade.query", {"out_trade_no": "RPEER0000001"})
    query = dict(parse_qsl(gateway.sign_data(body)))
    signature = query.pop("sign")
    request = {
        "ask": "alipay_check",
        "message": "&".join(f"{name}={value}" for name, value in sorted(query.items())),
        "signature": signature,
        "key": public_pem(merchants.alipay[alipay["app_id"]].public_key),
        "private_key": alipay["app_private_key_pem"],
    }
    changed = [{**asked, "body": asked["body"] + " "}, {**request, "message": request["message"] + "0"}]
    assert peers([asked, request, *changed]) == [True, True, False, False]


def test_the_peers_sign_wechats_example_as_it_says(peers: Any) -> None:
    vector = next(one for one in VECTORS["vectors"] if one["kind"] == "wechat_v3_request_sign")
    lines = [vector[name] for name in ("method", "url", "timestamp", "nonce_str", "body")]
    key = KEYS["wechat_doc_merchant_key"]
    message = "".join(f"{line}\n" for line in lines)
    assert peers([{"ask": "rsa_sign", "message": message, "key": key}]) == [vector["expected_signature"]]


def test_the_peers_accept_the_sandboxs_notifies_and_refuse_its_forgeries(peers: Any, tmp_path: Path) -> None:
    book = make_merchants(tmp_path, ["li"])
    merchants = load_merchants(tmp_path)
    wechat, alipay = (
        merchants.wechat[book["wechat"][0]["mchid"]],
        merchants.alipay[book["alipay"][0]["app_id"]],
    )
    questions: list[dict[str, Any]] = []
    for forged in ("", "bad_signature", "signtest"):
        notice = "0" * 32
        headers, body = wechat_content.notify(
            notice, order("wechat", wechat.mchid), None, wechat, NOW, NOW, forged=forged
        )
        questions.append(
            {
                "ask": "wechat_answer",
                "timestamp": headers["Wechatpay-Timestamp"],
                "nonce": headers["Wechatpay-Nonce"],
                "signature": headers["Wechatpay-Signature"],
                "body": body.decode(),
                "key": public_pem(wechat.platform_key.public_key()),
            }
        )
    sealed = json.loads(questions[0]["body"])["resource"]
    questions.append(
        {
            "ask": "gcm_open",
            "ciphertext": sealed["ciphertext"],
            "key": wechat.apiv3_key,
            "nonce": sealed["nonce"],
            "aad": sealed["associated_data"],
        }
    )
    for forged in ("", "bad_signature", "flip_byte"):
        _, form = alipay_content.notify(
            "n" * 32, order("alipay", alipay.app_id), None, alipay, NOW, forged=forged
        )
        questions.append(
            {
                "ask": "alipay_notify",
                "params": dict(parse_qsl(form.decode())),
                "key": public_pem(alipay.platform_key.public_key()),
                "private_key": book["alipay"][0]["app_private_key_pem"],
            }
        )
    answers = peers(questions)
    opened = json.loads(answers.pop(3))
    assert (opened["out_trade_no"], opened["amount"]["total"]) == ("RPEER0000001", 5000)
    assert answers == [True, False, False, True, False, False]


def test_a_certificate_of_the_sandboxs_has_the_serial_the_peer_gives_it(peers: Any, tmp_path: Path) -> None:
    alipay = make_merchants(tmp_path, ["li"])["alipay"][0]
    merchant = load_merchants(tmp_path).alipay[alipay["app_id"]]
    asked = [
        {"ask": "serial", "pem": alipay["app_cert_pem"], "is_root": False},
        {"ask": "serial", "pem": alipay["alipay_root_cert_pem"], "is_root": True},
    ]
    assert peers(asked) == [merchant.app_cert_sn, merchant.root_cert_sn]

"""The platforms' own published examples against our wrappers. Every key here is a public test key."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from apps.common.alipay_gateway import certificate_serial, root_serial, signed_slice
from apps.common.keys import private_key_pem, proves, public_key
from apps.common.platforms import CredentialsInvalid
from apps.income.platforms.alipay_form import read_form, signed_text
from apps.income.platforms.base import NotifyRefused
from apps.income.platforms.wechat import WeChatPlatform
from apps.income.platforms.wechat_envelope import check_signature, open_notify

VECTORS = json.loads((Path(__file__).parents[2] / "sandbox/vectors/payments.json").read_text("utf-8"))
KEYS = VECTORS["keys"]


def of_kind(kind: str) -> list[Any]:
    return [pytest.param(one, id=one["id"]) for one in VECTORS["vectors"] if one["kind"] == kind]


def named(name: str) -> dict[str, Any]:
    return next(one for one in VECTORS["vectors"] if one["id"] == name)


@pytest.fixture(scope="module")
def doc_merchant(li_wechat: dict[str, Any]) -> WeChatPlatform:
    """The documentation's merchant, whose published key has a PKCS#1 header."""
    key = KEYS["wechat_doc_merchant_key"]
    assert "BEGIN RSA PRIVATE KEY" in key["pem"]
    return WeChatPlatform(
        {**li_wechat, "mchid": key["mchid"], "serial_no": key["serial_no"], "private_key_pem": key["pem"]}
    )


@pytest.mark.parametrize("vector", of_kind("wechat_v3_request_sign"))
def test_a_request_is_signed_as_wechat_documents_it(
    doc_merchant: WeChatPlatform, vector: dict[str, Any]
) -> None:
    lines = [vector["method"], vector["url"], vector["timestamp"], vector["nonce_str"], vector["body"]]
    assert doc_merchant._sdk.sign(lines) == vector["expected_signature"]


@pytest.mark.parametrize("vector", of_kind("wechat_v3_verify"))
def test_an_answer_is_verified_as_wechat_documents_it(vector: dict[str, Any]) -> None:
    keys = {"PUB_KEY_ID_DOC": public_key(KEYS[vector["key"]]["pem"], field="key")}
    headers = {
        "Wechatpay-Serial": "PUB_KEY_ID_DOC",
        "Wechatpay-Timestamp": vector["timestamp"],
        "Wechatpay-Nonce": vector["nonce"],
        "Wechatpay-Signature": vector["signature"],
    }
    assert check_signature(headers, vector["body"].encode(), keys)["wechatpay-nonce"] == vector["nonce"]
    with pytest.raises(NotifyRefused, match="BAD_SIGNATURE"):
        check_signature(headers, vector["body"].replace("JyC91EIz1", "JyC91EIz2").encode(), keys)


@pytest.mark.parametrize("vector", of_kind("wechat_v3_notify"))
def test_a_complete_notify_opens_as_in_wechats_own_sdks(vector: dict[str, Any]) -> None:
    keys = {vector["headers"]["Wechatpay-Serial"]: public_key(KEYS[vector["key"]]["pem"], field="key")}
    sent_at = datetime.fromtimestamp(int(vector["headers"]["Wechatpay-Timestamp"]), UTC)
    notify = open_notify(
        vector["headers"], vector["body"].encode(), keys=keys, apiv3_keys=[vector["apiv3_key"]], now=sent_at
    )
    assert notify.resource == json.loads(vector["expected_plaintext"])
    assert (notify.id, notify.event_type) == (
        "3119dfba-e649-5eec-ab1e-3412bc4d2e17",
        "PAYSCORE.USER_OPEN_SERVICE",
    )


def test_f03_the_published_notify_is_refused_today() -> None:
    vector = named("wxv3-notify-full")
    keys = {vector["headers"]["Wechatpay-Serial"]: public_key(KEYS[vector["key"]]["pem"], field="key")}
    with pytest.raises(NotifyRefused, match="OUTSIDE_WINDOW"):
        open_notify(
            vector["headers"],
            vector["body"].encode(),
            keys=keys,
            apiv3_keys=[vector["apiv3_key"]],
            now=datetime(2026, 11, 23, tzinfo=UTC),
        )


@pytest.mark.parametrize("vector", of_kind("rsa_sha256_verify"))
def test_alipays_answer_is_verified_over_the_text_as_received(vector: dict[str, Any]) -> None:
    key = public_key(KEYS[vector["key"]]["pem"], field="key")
    envelope = f'{{"alipay_trade_query_response":{vector["message"]},"sign":"{vector["signature"]}"}}'
    signed = signed_slice(envelope, "alipay_trade_query_response")
    assert signed == vector["message"]
    assert proves(key, signed.encode(), vector["signature"]) is vector["valid"]


@pytest.mark.parametrize("vector", of_kind("alipay_notify"))
def test_alipays_notifies_verify_or_fail_as_in_its_own_sdk(vector: dict[str, Any]) -> None:
    key = public_key(KEYS[vector["key"]]["pem"], field="key")
    fields, charset = read_form(urlencode(vector["params"]).encode())
    assert fields == vector["params"]
    text = signed_text(fields, keeps_sign_type="sign_type" not in vector["drop"])
    assert proves(key, text.encode(charset), fields["sign"]) is vector["valid"]


def test_a_message_of_the_application_gateway_is_no_trade_notify() -> None:
    vector = named("alipay-appgateway-keeps-sign_type")
    text = signed_text(vector["params"])
    assert not proves(
        public_key(KEYS[vector["key"]]["pem"], field="key"), text.encode(), vector["params"]["sign"]
    )


def test_an_alipay_certificate_has_the_serial_alipay_gives_it() -> None:
    vector = named("alipay-cert-sn-app")
    assert certificate_serial(vector["cert_pem"]) == vector["expected"]


def test_a_root_bundle_has_the_serial_alipay_gives_it() -> None:
    vector = named("alipay-root-cert-sn")
    assert root_serial(vector["cert_pem"]) == vector["expected"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("crlf", lambda text: text.replace("\n", "\r\n")),
        ("no blank lines", lambda text: text.replace("\n\n", "\n")),
        ("one long line each", lambda text: text.replace("-----\n", "-----").replace("\n", "")),
        ("words between", lambda text: text.replace("\n\n", "\nsubject=/C=CN\n\n")),
    ],
)
def test_f51_line_ends_and_spacing_do_not_change_a_root_bundles_serial(name: str, change: Any) -> None:
    vector = named("alipay-root-cert-sn")
    changed = change(vector["cert_pem"])
    assert changed != vector["cert_pem"]
    assert root_serial(changed) == vector["expected"], name


def test_f51_a_damaged_certificate_in_the_bundle_is_named_and_not_left_out() -> None:
    bundle = named("alipay-root-cert-sn")["cert_pem"]
    with pytest.raises(CredentialsInvalid, match="alipay_root_cert_pem"):
        root_serial(bundle.replace("MIIF0zCCA7ugAwIBAgIIH8", "MIIF0zCCA7ugAwIBAgIIH"))
    with pytest.raises(CredentialsInvalid, match="no RSA certificate"):
        root_serial("nothing at all")


def test_a_key_is_read_with_and_without_pem_lines_and_in_both_standards() -> None:
    pkcs1 = KEYS["wechat_doc_merchant_key"]["pem"]
    pkcs8 = private_key_pem({"key": pkcs1}, "key")
    bare = "".join(line for line in pkcs1.splitlines() if "-----" not in line)
    assert pkcs8.startswith("-----BEGIN PRIVATE KEY-----")
    assert private_key_pem({"key": pkcs8}, "key") == private_key_pem({"key": bare}, "key") == pkcs8
    assert private_key_pem({"key": pkcs1.replace("\n", "\r\n")}, "key") == pkcs8


@pytest.mark.parametrize(
    "text", ["", "   ", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "%%%", None]
)
def test_a_key_that_cannot_be_read_is_named_and_never_repeated(text: str | None) -> None:
    with pytest.raises(CredentialsInvalid) as caught:
        private_key_pem({"private_key_pem": text}, "private_key_pem")
    assert caught.value.field == "private_key_pem"
    assert "AAAA" not in str(caught.value)


def test_alipays_public_key_in_place_of_a_private_one_is_refused() -> None:
    with pytest.raises(CredentialsInvalid):
        private_key_pem({"key": KEYS["alipay_notify_pub_a"]["pem"]}, "key")

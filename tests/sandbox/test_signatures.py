"""Known answers, published by the platforms and their SDKs (sources stand in the file)."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from apps.sandbox.certificates import load_private
from apps.sandbox.signatures import (
    NOTIFY_WITHOUT,
    alipay_message,
    certificate_sn,
    gcm_encrypt,
    root_certificate_sn,
    rsa_sign,
    rsa_verifies,
    wechat_answer_message,
    wechat_request_message,
)

_FILE = json.loads((Path(__file__).parent / "vectors" / "payments.json").read_text("utf-8"))


def vectors(*kinds: str) -> list[Any]:
    return [pytest.param(one, id=one["id"]) for one in _FILE["vectors"] if one["kind"] in kinds]


def pem(vector: dict[str, Any]) -> str:
    return _FILE["keys"][vector["key"]]["pem"]


@pytest.mark.parametrize("vector", vectors("wechat_v3_request_sign"))
def test_a_request_is_signed_as_in_the_published_example(vector: dict[str, Any]) -> None:
    message = wechat_request_message(
        vector["method"], vector["url"], vector["timestamp"], vector["nonce_str"], vector["body"].encode()
    )
    key = load_private(pem(vector))
    assert rsa_sign(key, message) == vector["expected_signature"]
    assert rsa_verifies(key.public_key(), message, vector["expected_signature"])


@pytest.mark.parametrize("vector", vectors("rsa_sha256_sign"))
def test_plain_rsa_sha256_agrees_with_the_go_sdk(vector: dict[str, Any]) -> None:
    assert rsa_sign(load_private(pem(vector)), vector["message"].encode()) == vector["expected_signature"]


@pytest.mark.parametrize("vector", vectors("wechat_v3_verify", "rsa_sha256_verify"))
def test_a_published_answer_verifies_and_a_changed_one_does_not(vector: dict[str, Any]) -> None:
    key = load_pem_public_key(pem(vector).encode())
    if vector["kind"] == "wechat_v3_verify":
        message = wechat_answer_message(vector["timestamp"], vector["nonce"], vector["body"].encode())
    else:
        message = vector["message"].encode()
    assert rsa_verifies(key, message, vector["signature"])
    assert not rsa_verifies(key, message + b" ", vector["signature"])


@pytest.mark.parametrize("vector", vectors("wechat_v3_notify"))
def test_a_published_notify_verifies_and_encrypts_to_the_same_ciphertext(vector: dict[str, Any]) -> None:
    headers, body = vector["headers"], vector["body"].encode()
    key = x509.load_pem_x509_certificate(pem(vector).encode()).public_key()
    message = wechat_answer_message(headers["Wechatpay-Timestamp"], headers["Wechatpay-Nonce"], body)
    assert rsa_verifies(key, message, headers["Wechatpay-Signature"])
    resource = json.loads(body)["resource"]
    sealed = gcm_encrypt(
        vector["apiv3_key"],
        resource["nonce"],
        resource.get("associated_data", ""),
        vector["expected_plaintext"].encode(),
    )
    assert sealed == resource["ciphertext"]


@pytest.mark.parametrize("vector", vectors("aes_gcm_decrypt"))
def test_gcm_seals_as_the_go_sdk_does(vector: dict[str, Any]) -> None:
    sealed = gcm_encrypt(
        vector["key_text"], vector["nonce"], vector["associated_data"], vector["expected_plaintext"].encode()
    )
    assert sealed == vector["ciphertext"]


def test_gcm_uses_all_32_bytes_of_an_apiv3_key() -> None:
    key = "0123456789abcdef0123456789ABCDEF"
    sealed = b64decode(gcm_encrypt(key, "0123456789ab", "transaction", b"{}"))
    assert AESGCM(key.encode()).decrypt(b"0123456789ab", sealed, b"transaction") == b"{}"


@pytest.mark.parametrize("vector", vectors("alipay_notify"))
def test_a_published_alipay_notify_is_judged_as_published(vector: dict[str, Any]) -> None:
    without = frozenset(vector["drop"])
    assert without <= NOTIFY_WITHOUT
    message = alipay_message(vector["params"], without=without)
    key = load_pem_public_key(pem(vector).encode())
    assert rsa_verifies(key, message, vector["params"]["sign"]) is vector["valid"]


@pytest.mark.parametrize("vector", vectors("alipay_cert_sn"))
def test_a_certificate_number_agrees_with_the_node_sdk(vector: dict[str, Any]) -> None:
    assert certificate_sn(x509.load_pem_x509_certificate(vector["cert_pem"].encode())) == vector["expected"]


@pytest.mark.parametrize("vector", vectors("alipay_root_cert_sn"))
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_root_number_skips_what_is_not_rsa_whatever_the_line_ends(
    vector: dict[str, Any], line_end: str
) -> None:
    bundle = vector["cert_pem"].replace("\n", line_end)
    assert root_certificate_sn(bundle) == vector["expected"]


def test_the_unused_bits_of_base64_cannot_be_changed_unnoticed() -> None:
    vector = next(one for one in _FILE["vectors"] if one["kind"] == "wechat_v3_verify")
    key = load_pem_public_key(pem(vector).encode())
    message = wechat_answer_message(vector["timestamp"], vector["nonce"], vector["body"].encode())
    good = vector["signature"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = good[:-3] + alphabet[alphabet.index(good[-3]) ^ 1] + "=="
    assert b64decode(other) == b64decode(good)
    assert other != b64encode(b64decode(other)).decode()
    assert not rsa_verifies(key, message, other)

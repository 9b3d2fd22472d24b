"""The merchants both platforms know: test accounts, made once and kept in the state directory.

`merchants.json` is what a merchant holds (its own keys, the platform's public ones). The platforms' private
keys stay beside it in `platform/`, one file per account.
"""

import contextlib
import json
import os
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from apps.sandbox import certificates
from apps.sandbox.signatures import certificate_sn, root_certificate_sn

Roots = list[tuple[x509.Certificate, RSAPrivateKey]]

ROOTS = ("RentMeter Sandbox Root CA R1", "RentMeter Sandbox Root CA R2")


class MerchantsUnreadable(Exception):
    """The state directory holds no usable merchants; the message is one sentence for the operator."""


@dataclass(frozen=True)
class WeChatMerchant:
    """A merchant as WeChat Pay sees it: the key that verifies it and the key that signs for it.

    A sub-merchant has no keys of its own: with `sp_mchid` the keys are that service provider's.
    """

    owner: str
    mchid: str
    appid: str
    serial_no: str
    apiv3_key: str
    public_key: RSAPublicKey
    platform_key: RSAPrivateKey
    platform_key_id: str
    sp_mchid: str = ""


@dataclass(frozen=True)
class AlipayMerchant:
    """An app as Alipay sees it; with `app_auth_token` a merchant who has authorised a service provider's app."""

    owner: str
    app_id: str
    seller_id: str
    app_cert_sn: str
    root_cert_sn: str
    alipay_cert_sn: str
    public_key: RSAPublicKey
    platform_key: RSAPrivateKey
    app_auth_token: str = ""

    @property
    def number(self) -> str:
        """Under which the books keep its orders: the app's, or the app's and the authorising merchant's."""
        return f"{self.app_id}-{self.seller_id}" if self.app_auth_token else self.app_id


@dataclass(frozen=True)
class Merchants:
    """All accounts, by the number a request names them with."""

    wechat: dict[str, WeChatMerchant]
    alipay: dict[str, AlipayMerchant]
    app_secrets: dict[str, str]

    def owner_of(self, channel: str, merchant: str) -> str:
        """The landlord's name in `merchants.json`, or an empty text for a stranger."""
        accounts: dict[str, Any] = self.wechat if channel == "wechat" else self.alipay
        return accounts[merchant].owner if merchant in accounts else ""


def make_merchants(state: Path, landlords: Sequence[str]) -> dict[str, Any]:
    """Give every landlord a WeChat and an Alipay account and return the whole `merchants.json`.

    Beside them stand a service provider (`provider`, the operator's) and every landlord as its sub-merchant
    (`sub_merchants`). Idempotent: an account that exists keeps its numbers and keys; only landlords not seen yet
    are added.
    """
    platform = state / "platform"
    platform.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = state / "merchants.json"
    book: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    book.setdefault("wechat_app", {"appid": f"wx{secrets.token_hex(8)}", "app_secret": secrets.token_hex(16)})
    roots = _roots(platform)
    for channel in ("wechat", "alipay"):
        accounts = book.setdefault(channel, [])
        known = {account["owner"] for account in accounts}
        for owner in dict.fromkeys(landlords):
            if owner not in known:
                account = (
                    _wechat(owner, book, roots, platform)
                    if channel == "wechat"
                    else _alipay(owner, roots, platform)
                )
                accounts.append(account)
    if "provider" not in book:
        book["provider"] = {
            "wechat": _wechat("operator", book, roots, platform),
            "alipay": _alipay("operator", roots, platform),
        }
    subs = book.setdefault("sub_merchants", [])
    for owner in dict.fromkeys(landlords):
        if owner not in {sub["owner"] for sub in subs}:
            subs.append(
                {
                    "owner": owner,
                    "sub_mchid": "18" + _digits(8),
                    "seller_id": "2088" + _digits(12),
                    "app_auth_token": secrets.token_hex(20),
                }
            )
    _write(path, json.dumps(book, ensure_ascii=False, indent=1))
    return book


def load_merchants(state: Path) -> Merchants:
    """Read the accounts `make_merchants` left.

    :raises MerchantsUnreadable: when there are none or they cannot be understood.
    """
    path = state / "merchants.json"
    if not path.is_file():
        raise MerchantsUnreadable(
            f"{path} does not exist: run `python -m apps.sandbox make-merchants` first."
        )
    try:
        book = json.loads(path.read_text("utf-8"))
        wechat = {one["mchid"]: _load_wechat(one, state / "platform") for one in book["wechat"]}
        alipay = {one["app_id"]: _load_alipay(one, state / "platform") for one in book["alipay"]}
        if "provider" in book:
            _load_provider(book, state / "platform", wechat, alipay)
        secrets_by_app = {
            one["appid"]: str(one["app_secret"]) for one in [*book["wechat"], book["wechat_app"]]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MerchantsUnreadable(f"{path} cannot be read ({type(error).__name__}: {error}).") from error
    return Merchants(wechat, alipay, secrets_by_app)


def _wechat(owner: str, book: dict[str, Any], roots: Roots, platform: Path) -> dict[str, Any]:
    merchant_key, platform_key = certificates.new_key(), certificates.new_key()
    mchid = "19" + _digits(8)
    root, root_key = roots[0]
    certificate = certificates.leaf_certificate(
        f"merchant {mchid}", merchant_key.public_key(), root, root_key
    )
    _write(platform / f"wechat-{mchid}.pem", certificates.private_pem(platform_key))
    return {
        "owner": owner,
        "mchid": mchid,
        **book["wechat_app"],
        "serial_no": f"{certificate.serial_number:X}",
        "merchant_cert_pem": certificates.certificate_pem(certificate),
        "private_key_pem": certificates.private_pem(merchant_key),
        "apiv3_key": "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32)),
        "platform_public_key_pem": certificates.public_pem(platform_key.public_key()),
        "platform_public_key_id": f"PUB_KEY_ID_01{mchid}20241014{_digits(12)}",
    }


def _alipay(owner: str, roots: Roots, platform: Path) -> dict[str, Any]:
    app_key, platform_key = certificates.new_key(), certificates.new_key()
    app_id, seller_id = "2021" + _digits(12), "2088" + _digits(12)
    _write(platform / f"alipay-{app_id}.pem", certificates.private_pem(platform_key))
    root, root_key = roots[0]
    app = certificates.leaf_certificate(f"app {app_id}", app_key.public_key(), root, root_key)
    alipay = certificates.leaf_certificate(
        f"Alipay public key for {app_id}", platform_key.public_key(), root, root_key
    )
    return {
        "owner": owner,
        "app_id": app_id,
        "seller_id": seller_id,
        "app_private_key_pem": certificates.private_pem(app_key),
        "app_cert_pem": certificates.certificate_pem(app),
        "alipay_cert_pem": certificates.certificate_pem(alipay, root),
        "alipay_root_cert_pem": certificates.certificate_pem(*(certificate for certificate, _ in roots)),
    }


def _roots(platform: Path) -> Roots:
    roots = []
    for number, name in enumerate(ROOTS, start=1):
        path = platform / f"alipay-root-{number}.pem"
        if not path.exists():
            key = certificates.new_key()
            certificate = certificates.root_certificate(name, key)
            _write(path, certificates.private_pem(key) + certificates.certificate_pem(certificate))
        text = path.read_text("ascii")
        roots.append((x509.load_pem_x509_certificate(text.encode()), certificates.load_private(text)))
    return roots


def _load_wechat(account: dict[str, Any], platform: Path) -> WeChatMerchant:
    return WeChatMerchant(
        owner=account["owner"],
        mchid=account["mchid"],
        appid=account["appid"],
        serial_no=account["serial_no"],
        apiv3_key=account["apiv3_key"],
        public_key=certificates.load_private(account["private_key_pem"]).public_key(),
        platform_key=certificates.load_private(
            (platform / f"wechat-{account['mchid']}.pem").read_text("ascii")
        ),
        platform_key_id=account["platform_public_key_id"],
    )


def _load_alipay(account: dict[str, Any], platform: Path) -> AlipayMerchant:
    app = x509.load_pem_x509_certificate(account["app_cert_pem"].encode())
    key = app.public_key()
    if not isinstance(key, RSAPublicKey):
        raise ValueError("an Alipay app certificate is not RSA")
    return AlipayMerchant(
        owner=account["owner"],
        app_id=account["app_id"],
        seller_id=account["seller_id"],
        app_cert_sn=certificate_sn(app),
        root_cert_sn=root_certificate_sn(account["alipay_root_cert_pem"]),
        alipay_cert_sn=certificate_sn(x509.load_pem_x509_certificate(account["alipay_cert_pem"].encode())),
        public_key=key,
        platform_key=certificates.load_private(
            (platform / f"alipay-{account['app_id']}.pem").read_text("ascii")
        ),
    )


def _load_provider(
    book: dict[str, Any],
    platform: Path,
    wechat: dict[str, WeChatMerchant],
    alipay: dict[str, AlipayMerchant],
) -> None:
    """Add the service provider and its sub-merchants to the accounts."""
    merchant = _load_wechat(book["provider"]["wechat"], platform)
    app = _load_alipay(book["provider"]["alipay"], platform)
    wechat[merchant.mchid], alipay[app.number] = merchant, app
    for sub in book["sub_merchants"]:
        owner = sub["owner"]
        wechat[sub["sub_mchid"]] = replace(
            merchant, owner=owner, mchid=sub["sub_mchid"], sp_mchid=merchant.mchid
        )
        authorised = replace(
            app, owner=owner, seller_id=sub["seller_id"], app_auth_token=sub["app_auth_token"]
        )
        alipay[authorised.number] = authorised


def _digits(count: int) -> str:
    return "".join(secrets.choice(string.digits) for _ in range(count))


def _write(path: Path, text: str) -> None:
    """Whole file or nothing, readable by its owner only."""
    fresh = path.with_name(path.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    fresh.replace(path)

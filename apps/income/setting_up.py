"""What the set-up of a collection account asks for, and which papers it takes; pure data.

The words are for people; `credentials` of an adapter have the same names as the fields here.
"""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.common.keys import belongs, certificate_facts, private_key_pem
from apps.common.platforms import CredentialsInvalid
from apps.income.strategies import Strategy


@dataclass(frozen=True)
class Asked:
    """One field of the set-up. What is secret is shown to nobody again; what is long is pasted from a file."""

    name: str
    label: Any
    where: Any
    is_secret: bool = False
    is_long: bool = False
    is_optional: bool = False


_PRIVATE = {"is_secret": True, "is_long": True}

ASKED: dict[tuple[str, str], tuple[Asked, ...]] = {
    ("S1", "wechat"): (
        Asked("mchid", _("Merchant number"), _("10 digits, in the merchant platform under Account.")),
        Asked("appid", _("AppID"), _("The app bound to the merchant number, beginning with wx.")),
        Asked(
            "merchant_cert_pem",
            _("Merchant certificate"),
            _("The text of apiclient_cert.pem. Its serial number and its end are read from it."),
            is_long=True,
        ),
        Asked("private_key_pem", _("Merchant private key"), _("The text of apiclient_key.pem."), **_PRIVATE),
        Asked(
            "apiv3_key",
            _("APIv3 key"),
            _("32 characters, set under API security. The first payment proves it."),
            is_secret=True,
        ),
        Asked(
            "platform_public_key_id",
            _("WeChat Pay public key ID"),
            _("Begins with PUB_KEY_ID_, under API security."),
        ),
        Asked(
            "platform_public_key_pem", _("WeChat Pay public key"), _("The text of pub_key.pem."), is_long=True
        ),
    ),
    ("S1", "alipay"): (
        Asked("app_id", _("AppID"), _("16 digits, in the open platform's console.")),
        Asked("seller_id", _("Merchant PID"), _("16 digits beginning with 2088.")),
        Asked(
            "app_private_key_pem",
            _("Application private key"),
            _("Made by Alipay's key tool; it never leaves you otherwise."),
            **_PRIVATE,
        ),
        Asked(
            "app_cert_pem", _("Application certificate"), _("The text of appCertPublicKey.crt."), is_long=True
        ),
        Asked(
            "alipay_cert_pem",
            _("Alipay certificate"),
            _("The text of alipayCertPublicKey_RSA2.crt."),
            is_long=True,
        ),
        Asked(
            "alipay_root_cert_pem",
            _("Alipay root certificate"),
            _("The text of alipayRootCert.crt."),
            is_long=True,
        ),
    ),
    ("S2", "wechat"): (
        Asked("sub_mchid", _("Sub-merchant number"), _("10 digits, given when WeChat Pay accepted you.")),
        Asked(
            "sub_appid",
            _("Sub-merchant AppID"),
            _("Only if an app is bound to the sub-merchant."),
            is_optional=True,
        ),
    ),
    ("S2", "alipay"): (
        Asked("seller_id", _("Merchant PID"), _("16 digits beginning with 2088.")),
        Asked(
            "app_auth_token",
            _("Authorisation token"),
            _("Given when you authorise the operator's app at Alipay."),
            is_secret=True,
        ),
    ),
    ("S3", "wechat"): (
        Asked(
            "payee_id",
            _("WeChat OpenID"),
            _("Shown under My when you open the operator's mini-program."),
            is_secret=True,
        ),
    ),
    ("S3", "alipay"): (
        Asked(
            "payee_id",
            _("Alipay account"),
            _("The phone number or e-mail you log in to Alipay with."),
            is_secret=True,
        ),
    ),
}

PAPERS: dict[str, tuple[Any, ...]] = {
    "S0": (),
    "S1": (
        _("Business licence (sole trader or company)"),
        _("ID card of the legal representative"),
        _("Bank account in the name on the licence"),
        _("Merchant number with API certificate and APIv3 key, or an Alipay app in certificate mode"),
    ),
    "S2": (
        _("ID card, front and back: the name must be exactly the one of the account"),
        _("Bank card in the same name"),
        _("Phone number of the bank card"),
        _("Photo of the door and of the rooms you let"),
        _("For more than the limits of a small merchant: business licence"),
    ),
    "S3": (
        _("Name exactly as on the ID card"),
        _("A WeChat or Alipay account verified in that name"),
    ),
}

_CERTIFICATES = ("merchant_cert_pem", "app_cert_pem", "alipay_cert_pem")


def merchant_number(strategy: str, channel: str, fields: dict[str, Any], provider: dict[str, Any]) -> str:
    """Return whose account takes the money: the landlord's, her sub-merchant's, or the operator's (S3)."""
    if strategy == Strategy.S3:
        return str(provider["mchid" if channel == "wechat" else "seller_id"])
    named = {("S1", "wechat"): "mchid", ("S2", "wechat"): "sub_mchid"}.get((strategy, channel), "seller_id")
    return str(fields[named])


def completed(fields: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return credentials with what their certificates say of themselves, and when the first of them ends (or None).

    :raises CredentialsInvalid: if a certificate cannot be read or is not the private key's.
    """
    found = dict(fields)
    facts = {name: certificate_facts(found[name], field=name) for name in _CERTIFICATES if found.get(name)}
    for name, key_name in (
        ("merchant_cert_pem", "private_key_pem"),
        ("app_cert_pem", "app_private_key_pem"),
    ):
        if name in facts and not belongs(facts[name], private_key_pem(found, key_name)):
            raise CredentialsInvalid(key_name, "not the key of this certificate")
    if "merchant_cert_pem" in facts:
        found["serial_no"] = facts["merchant_cert_pem"].serial
    return found, min((fact.ends_at for fact in facts.values()), default=None)

"""Whose order it is at WeChat Pay: a merchant's own, or a sub-merchant's under a service provider. Pure.

Source: WeChat Pay documentation, partner edition of orders, queries, refunds and notifies (`sp_*`, `sub_*`).
"""

from dataclasses import dataclass
from typing import Any

from apps.common.platforms import credential


@dataclass(frozen=True, slots=True)
class Parties:
    """The merchant who signs, and whose money it is. `sub_mchid` is empty for a merchant's own account."""

    app_id: str
    merchant_id: str
    sub_app_id: str = ""
    sub_mchid: str = ""

    @classmethod
    def of(cls, credentials: dict[str, Any]) -> "Parties":
        """:raises CredentialsInvalid: without `appid` or `mchid`."""
        return cls(
            app_id=credential(credentials, "appid"),
            merchant_id=credential(credentials, "mchid"),
            sub_app_id=str(credentials.get("sub_appid") or ""),
            sub_mchid=str(credentials.get("sub_mchid") or ""),
        )

    @property
    def payee(self) -> str:
        """Whose account takes the money."""
        return self.sub_mchid or self.merchant_id

    @property
    def payer_app_id(self) -> str:
        """Of which app a payer's openid must be."""
        return self.sub_app_id or self.app_id

    @property
    def named(self) -> dict[str, str]:
        """What every question about an order says besides the signature."""
        return {"sub_mchid": self.sub_mchid} if self.sub_mchid else {}

    @property
    def ordered(self) -> dict[str, str]:
        """What an order says besides."""
        return {**self.named, "sub_appid": self.sub_app_id} if self.sub_app_id else self.named

    def payer(self, openid: str) -> dict[str, str]:
        if not self.sub_mchid:
            return {"openid": openid}
        return {"sub_openid" if self.sub_app_id else "sp_openid": openid}

    def payer_of(self, content: dict[str, Any]) -> str | None:
        payer = content.get("payer")
        if not isinstance(payer, dict):
            return None
        found = (payer.get(name) for name in ("openid", "sub_openid", "sp_openid"))
        return next((one for one in found if isinstance(one, str) and one), None)

    def is_app_of(self, content: dict[str, Any]) -> bool:
        return content.get("sp_appid" if self.sub_mchid else "appid") == self.app_id

    def is_merchant_of(self, content: dict[str, Any]) -> bool:
        """Whether signer and payee are both the ones of this account."""
        if not self.sub_mchid:
            return content.get("mchid") == self.merchant_id
        signer = content.get("sp_mchid", self.merchant_id)
        return (signer, content.get("sub_mchid")) == (self.merchant_id, self.sub_mchid)

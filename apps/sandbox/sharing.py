"""Profit sharing, for which no merchant here has the permission: refused in the platforms' words.

RentMeter shares no payment, so nothing of it is played but the refusals; DECISIONS.md says why.
"""

from typing import Any

from apps.sandbox.transfers import TransferRefused


def not_permitted(channel: str) -> TransferRefused:
    """The refusal of every call that would share a payment, bind a receiver or take a share back."""
    if channel == "wechat":
        return TransferRefused(403, "NO_AUTH", "商户无分账权限")
    return TransferRefused(200, "isv.insufficient-isv-permissions", "ISV权限不足")


def refuse_flagged(fields: dict[str, Any]) -> None:
    """An order of WeChat's can be shared only if it said so when it was made.

    :raises TransferRefused: for one that says so.
    """
    settle_info = fields.get("settle_info")
    if isinstance(settle_info, dict) and settle_info.get("profit_sharing"):
        raise not_permitted("wechat")

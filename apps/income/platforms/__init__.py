"""WeChat Pay and Alipay behind one interface. `base` says what it promises; start there."""

from apps.income.platforms.adapters import platform_for
from apps.income.platforms.base import (
    Charge,
    ChargeRequest,
    CredentialsInvalid,
    FinishRequest,
    NotifyRefused,
    PayersCard,
    Platform,
    PlatformAnswerInvalid,
    PlatformError,
    PlatformRefused,
    PlatformResult,
    PlatformUnreachable,
    RefundRequest,
    RefundResult,
)

__all__ = [
    "Charge",
    "ChargeRequest",
    "CredentialsInvalid",
    "FinishRequest",
    "NotifyRefused",
    "PayersCard",
    "Platform",
    "PlatformAnswerInvalid",
    "PlatformError",
    "PlatformRefused",
    "PlatformResult",
    "PlatformUnreachable",
    "RefundRequest",
    "RefundResult",
    "platform_for",
]

"""What every call to WeChat or Alipay shares: how it can fail, how long it may take, what may be shown.

An answer that did not arrive, or that nobody can prove, is *unknown*: the order may have been made and the
money may have moved. Only `PlatformRefused` says that nothing happened.
"""

from typing import Any
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")

TIMEOUT_S = (5.0, 10.0)
"""Seconds to connect, seconds to wait for the next bytes of an answer."""

LONGEST_DETAIL = 200


class PlatformError(Exception):
    """A platform could not be used. The text never holds a key, a secret or a payer's id."""


class PlatformUnreachable(PlatformError):
    """The result is unknown: timeout, broken connection, overload or a failure on the platform's side.

    Ask with a query before anything else; never conclude that nothing happened.
    """


class PlatformAnswerInvalid(PlatformUnreachable):
    """Somebody answered, but not provably the platform: unsigned, wrongly signed or not readable.

    `code` is stable: BAD_SIGNATURE, UNKNOWN_SERIAL, MISSING_HEADER, CERTIFICATE_CHANGED (the platform signs
    with a newer certificate than the stored one), NOT_READABLE, WRONG_APP, WRONG_MERCHANT, WRONG_ORDER,
    WRONG_CURRENCY, BAD_AMOUNT, UNKNOWN_STATE.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail[:LONGEST_DETAIL]
        super().__init__(f"{code}: {self.detail}" if self.detail else code)


class PlatformRefused(PlatformError):
    """The platform understood and said no. `code` is the platform's own (`sub_code` at Alipay).

    `is_signed` says that the answer was proved to be the platform's; a refusal moves nothing, so most callers do
    not ask.
    """

    def __init__(self, code: str, detail: str = "", *, is_signed: bool = False) -> None:
        self.is_signed = is_signed
        self.code = code
        self.detail = detail[:LONGEST_DETAIL]
        super().__init__(f"{code}: {self.detail}" if self.detail else code)


class CredentialsInvalid(PlatformError):
    """A stored key, certificate or number cannot be used. `field` names it; its content is never repeated."""

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        self.detail = detail
        super().__init__(f"{field}: {detail}")


def masked(identifier: str | None) -> str:
    """Return a payer's id as people may see it: `oUpF…eS6o`. Short ids vanish altogether."""
    if not identifier:
        return ""
    if len(identifier) < 12:
        return "…"
    return f"{identifier[:4]}…{identifier[-4:]}"


def credential(credentials: dict[str, Any], field: str) -> str:
    """Return one filled-in text field of stored credentials.

    :raises CredentialsInvalid: if it is missing, empty or not text.
    """
    value = credentials.get(field)
    if not isinstance(value, str) or not value.strip():
        raise CredentialsInvalid(field, "missing")
    return value.strip()

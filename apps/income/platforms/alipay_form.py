"""The form that Alipay posts as a notify: its fields, and the text its signature covers. Pure.

Source: Alipay's rule for asynchronous notifies (RSA2). Vectors: `alipay-notify-trade-*`,
`alipay-appgateway-keeps-sign_type`.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from apps.income.platforms.base import LARGEST_NOTIFY_BYTES, NotifyRefused

MOST_FIELDS = 100

# GB 18030 is a superset of both older sets.
CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030"}


def read_form(body: bytes) -> tuple[dict[str, str], str]:
    """Return the fields and the Python name of the character set they were written in.

    :raises NotifyRefused: TOO_LARGE, EMPTY or NOT_A_FORM (a field twice, an unknown character set, …).
    """
    if len(body) > LARGEST_NOTIFY_BYTES:
        raise NotifyRefused("TOO_LARGE", f"{len(body)} bytes")
    if not body:
        raise NotifyRefused("EMPTY")
    try:
        text = body.decode("ascii")
        declared = dict(parse_qsl(text, encoding="latin-1", max_num_fields=MOST_FIELDS)).get(
            "charset", "utf-8"
        )
        charset = CHARSETS[declared.lower()]
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=True,
            encoding=charset,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except (ValueError, KeyError):
        raise NotifyRefused("NOT_A_FORM") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotifyRefused("NOT_A_FORM", "a field is there twice")
    return fields, charset


def signed_text(fields: Mapping[str, str], *, keeps_sign_type: bool = False) -> str:
    """Return what the signature covers: sorted `name=value` joined by `&`, empty values left out.

    :param keeps_sign_type: True for messages of the application gateway; a trade notify leaves it out.
    """
    left_out = {"sign"} if keeps_sign_type else {"sign", "sign_type"}
    kept = sorted((name, value) for name, value in fields.items() if name not in left_out and value)
    return "&".join(f"{name}={value}" for name, value in kept)

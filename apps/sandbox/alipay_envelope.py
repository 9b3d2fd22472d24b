"""The envelope of the pretend Alipay: parameters in, a signed node out, and the two ways of refusing."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from apps.sandbox.http import Answer, Request, json_bytes
from apps.sandbox.merchants import AlipayMerchant
from apps.sandbox.signatures import rsa_sign


class GatewayRefused(Exception):
    """The envelope is wrong: answered as `error_response`, before any business."""

    def __init__(self, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_code)
        self.sub_code, self.sub_msg = sub_code, sub_msg


class BusinessRefused(Exception):
    """The business is refused with code 40004, in HTTP 200 and signed."""

    def __init__(self, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_code)
        self.sub_code, self.sub_msg = sub_code, sub_msg


def parameters_of(request: Request) -> dict[str, str]:
    """Query and form together; a parameter given twice has no single signed meaning and is refused."""
    text = urlsplit(request.target).query
    if request.method == "POST" and request.body:
        text = "&".join(filter(None, [text, request.body.decode("utf-8", "replace")]))
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise GatewayRefused("isv.invalid-charset", "字符集错误") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise GatewayRefused("isv.invalid-parameter", "参数重复")
    return dict(pairs)


def content_of(parameters: dict[str, str]) -> dict[str, Any]:
    try:
        content = json.loads(parameters.get("biz_content", ""), parse_float=Decimal)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise GatewayRefused("isv.invalid-parameter", "biz_content 不是JSON对象")
    return content


def success(content: dict[str, Any]) -> dict[str, Any]:
    return {"code": "10000", "msg": "Success", **content}


def failure(code: str, msg: str, sub_code: str, sub_msg: str) -> dict[str, Any]:
    return {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg}


def signed(
    merchant: AlipayMerchant | None, node: str, content: dict[str, Any], lost: bool, charset: str = "utf-8"
) -> Answer:
    """The node's bytes are put into the answer as they were signed; an app nobody knows gets no signature."""
    signed = json_bytes(content).decode().encode(charset)
    body = b'{"' + node.encode() + b'":' + signed
    if merchant is not None:
        sign = rsa_sign(merchant.platform_key, signed)
        body += f',"alipay_cert_sn":"{merchant.alipay_cert_sn}","sign":"{sign}"'.encode()
    return Answer(200, body + b"}", {"Content-Type": f"application/json;charset={charset}"}, lost=lost)

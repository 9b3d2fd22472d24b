"""Just enough HTTP/1.1 for a control port on the loopback: one JSON request, one JSON answer, close."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

MOST_BODY_BYTES = 65_536
REQUEST_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Request:
    """Method, path without query, and body bytes."""

    method: str
    path: str
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object (empty body = empty object); fractions as `Decimal`.

        Raises `Refused` 400 for anything else.
        """
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body, parse_float=Decimal)
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, "malformed", "The body is not JSON.") from None
        if not isinstance(value, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "malformed", "The body must be a JSON object.")
        return value


class Refused(Exception):
    """A request that gets an error answer of the house's shape."""

    def __init__(
        self, status: HTTPStatus, code: str, detail: str, fields: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.body: dict[str, Any] = {"type": status.phrase, "code": code, "detail": detail}
        if fields:
            self.body["fields"] = {name: [why] for name, why in fields.items()}


@dataclass(frozen=True)
class Late:
    """An answer that leaves only after `wait_s`."""

    body: Any
    wait_s: float


@dataclass(frozen=True)
class Page:
    """An answer for people."""

    text: str


Answering = Callable[[Request], Any]
"""Request → JSON-able answer, `Late` or `Page`; raises `Refused`."""


def serve(answering: Answering) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A connection callback for `asyncio.start_server`."""

    async def one_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                status, body = await _answer(reader, answering)
            if isinstance(body, Late):
                await asyncio.sleep(body.wait_s)
                body = body.body
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                kind, payload = _payload(body)
                head = (
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
                    f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode("ascii") + payload)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            writer.close()

    return one_connection


async def _answer(reader: asyncio.StreamReader, answering: Answering) -> tuple[HTTPStatus, Any]:
    try:
        return HTTPStatus.OK, answering(await _read(reader))
    except Refused as refusal:
        return refusal.status, refusal.body


def _payload(body: Any) -> tuple[str, bytes]:
    if isinstance(body, Page):
        return "text/plain; charset=utf-8", body.text.encode()
    return "application/json", json.dumps(body, ensure_ascii=False).encode()


async def _read(reader: asyncio.StreamReader) -> Request:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _version = head[0].split(" ")
        fields = (line.partition(":") for line in head[1:])
        headers = {name.lower(): value.strip() for name, _, value in fields}
        length = int(headers.get("content-length", "0"))
    except (ValueError, asyncio.LimitOverrunError):
        raise Refused(HTTPStatus.BAD_REQUEST, "malformed", "This is not an HTTP/1.1 request.") from None
    if not 0 <= length <= MOST_BODY_BYTES:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "The body is too large.")
    body = await reader.readexactly(length)
    return Request(method, unquote(urlsplit(target).path), body)

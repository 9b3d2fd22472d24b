"""What the parts of the sandbox exchange with its HTTP server."""

import json
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as received; `target` is the path with its query string, byte for byte as it was signed."""

    method: str
    target: str
    headers: Message
    body: bytes
    base_url: str

    @property
    def path(self) -> str:
        """The path alone, as sent."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's decoded parameters; of a repeated one the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The parameters of a posted form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def is_form(self) -> bool:
        """Whether a browser's form was posted."""
        return self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")

    def header(self, name: str) -> str:
        """A header, or an empty text."""
        return self.headers.get(name) or ""


@dataclass(frozen=True)
class Answer:
    """What goes back; `lost` means that the connection is dropped instead."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False


def json_bytes(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def json_answer(status: int, value: Any) -> Answer:
    """An unsigned JSON answer, for the control port and for logins."""
    return Answer(status, json_bytes(value), {"Content-Type": "application/json; charset=utf-8"})


def html_answer(page: str, status: int = 200) -> Answer:
    """A page for people; nothing in it may come from another host."""
    return Answer(
        status,
        page.encode(),
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        },
    )


def redirect(url: str, *, status: int = 302, cookie: str = "") -> Answer:
    """Send the browser on."""
    headers = {"Location": url}
    if cookie:
        headers["Set-Cookie"] = cookie
    return Answer(status, b"", headers)

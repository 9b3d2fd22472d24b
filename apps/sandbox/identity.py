"""Who pays: logins of both platforms, with openids that stay the same for a payer and an app.

A code is single use and lives five minutes. The payer is whoever `payer=` or the browser's cookie says; a
browser that says nothing becomes a new payer and is remembered by the cookie.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

from apps.sandbox.books import Books
from apps.sandbox.http import Answer, Request, html_answer, json_answer, redirect
from apps.sandbox.merchants import Merchants
from apps.sandbox.orders import is_callback

CODE_LIVES = timedelta(minutes=5)
COOKIE = "sandbox_payer"

Kind = Literal["wechat_web", "wechat_mini", "alipay"]

_PAYER = re.compile(r"[\w\-]{1,40}")


class CodeRefused(Exception):
    """The code is unknown, expired, of another app, or was used; `used` tells the last case."""

    def __init__(self, *, used: bool) -> None:
        super().__init__("used" if used else "unknown")
        self.used = used


def openid(app_id: str, payer: str) -> str:
    """28 characters, the same for ever for this app and payer, different for another app."""
    digest = hashlib.sha256(f"{app_id}\n{payer}".encode()).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode()[:27]


@dataclass(frozen=True)
class Identity:
    """Issues and takes codes; `clock` gives aware UTC instants."""

    merchants: Merchants
    books: Books
    clock: Callable[[], datetime]

    def issue(self, kind: Kind, app_id: str, payer: str) -> str:
        """A fresh code for a login of this payer to this app."""
        code = secrets.token_hex(16)
        with self.books.transaction() as db:
            db.execute(
                "INSERT INTO codes (code, kind, app_id, payer, issued_at, used) VALUES (?, ?, ?, ?, ?, 0)",
                (code, kind, app_id, payer, self.clock().isoformat()),
            )
            self._remember(db.execute, app_id, payer)
        return code

    def redeem(self, kind: Kind, app_id: str, code: str) -> str:
        """Use the code up and return the payer's openid.

        :raises CodeRefused: also when the very code was right once.
        """
        oldest = (self.clock() - CODE_LIVES).isoformat()
        with self.books.transaction() as db:
            row = db.execute(
                "SELECT payer, used FROM codes WHERE code = ? AND kind = ? AND app_id = ? AND issued_at >= ?",
                (code, kind, app_id, oldest),
            ).fetchone()
            if row is None or row["used"]:
                raise CodeRefused(used=row is not None)
            db.execute("UPDATE codes SET used = 1 WHERE code = ?", (code,))
        return openid(app_id, row["payer"])

    def known(self, app_id: str, payer: str) -> str:
        """The openid of a payer who opens the cashier without having logged in before."""
        with self.books.transaction() as db:
            self._remember(db.execute, app_id, payer)
        return openid(app_id, payer)

    def may_pay(self, app_id: str, payer_id: str) -> bool:
        """Whether `payer_id` is of this app: False only for an id that was issued to another app's payer."""
        with self.books.transaction() as db:
            rows = db.execute("SELECT app_id FROM payers WHERE openid = ?", (payer_id,)).fetchall()
        return not rows or any(row["app_id"] == app_id for row in rows)

    def wechat_authorize(self, request: Request) -> Answer:
        """`/connect/oauth2/authorize`: straight back with code and state, as `snsapi_base` does it."""
        return self._authorize(request, "wechat_web", request.query.get("appid", ""))

    def alipay_authorize(self, request: Request) -> Answer:
        """`/oauth2/publicAppAuthorize.htm`."""
        return self._authorize(request, "alipay", request.query.get("app_id", ""))

    def wechat_token(self, request: Request, kind: Kind) -> Answer:
        """`/sns/oauth2/access_token` and, for mini programs, `/sns/jscode2session`."""
        query = request.query
        app_id = query.get("appid", "")
        if app_id not in self.merchants.app_secrets:
            return json_answer(200, {"errcode": 40013, "errmsg": "invalid appid"})
        if not secrets.compare_digest(
            query.get("secret", "").encode(), self.merchants.app_secrets[app_id].encode()
        ):
            return json_answer(200, {"errcode": 40125, "errmsg": "invalid appsecret"})
        if query.get("grant_type") != "authorization_code":
            return json_answer(200, {"errcode": 40002, "errmsg": "invalid grant_type"})
        code = query.get("code" if kind == "wechat_web" else "js_code", "")
        try:
            payer_id = self.redeem(kind, app_id, code)
        except CodeRefused as refusal:
            fault = (40163, "code been used") if refusal.used else (40029, "invalid code")
            return json_answer(200, {"errcode": fault[0], "errmsg": fault[1]})
        if kind == "wechat_mini":
            return json_answer(200, {"session_key": secrets.token_urlsafe(16), "openid": payer_id})
        token = {"access_token": secrets.token_urlsafe(32), "expires_in": 7200}
        token |= {"refresh_token": secrets.token_urlsafe(32), "openid": payer_id, "scope": "snsapi_base"}
        return json_answer(200, token)

    def payer_of(self, request: Request) -> str:
        """The payer's name the request carries, or an empty text."""
        cookies = dict(part.strip().partition("=")[::2] for part in request.header("Cookie").split(";"))
        named = request.query.get("payer") or cookies.get(COOKIE, "")
        return named if _PAYER.fullmatch(named) else ""

    def _authorize(self, request: Request, kind: Kind, app_id: str) -> Answer:
        known = self.merchants.alipay if kind == "alipay" else self.merchants.app_secrets
        target = request.query.get("redirect_uri", "")
        if app_id not in known:
            return html_answer("appid 参数错误 · unknown appid", 400)
        if not is_callback(target, query_allowed=True):
            return html_answer("redirect_uri 参数错误 · bad redirect_uri", 400)
        payer = self.payer_of(request) or f"payer-{secrets.token_hex(4)}"
        code = self.issue(kind, app_id, payer)
        state = request.query.get("state", "")
        if kind == "alipay":
            back = {
                "app_id": app_id,
                "source": "alipay_wallet",
                "scope": request.query.get("scope", "auth_base"),
            }
            back |= {"auth_code": code, "state": state}
        else:
            back = {"code": code, "state": state}
        glue = "&" if "?" in target else "?"
        cookie = f"{COOKIE}={payer}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000"
        return redirect(target + glue + urlencode(back), cookie=cookie if payer.isascii() else "")

    @staticmethod
    def _remember(execute: Callable[..., object], app_id: str, payer: str) -> None:
        execute(
            "INSERT OR IGNORE INTO payers (app_id, openid, payer) VALUES (?, ?, ?)",
            (app_id, openid(app_id, payer), payer),
        )

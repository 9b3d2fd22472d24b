"""The payer's side and the control port: list orders, pay one, ask for faults."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from apps.sandbox import alipay_content, pages
from apps.sandbox.books import Books, Notice, new_notice
from apps.sandbox.courier import Courier
from apps.sandbox.faults import Faults, FaultUnknown
from apps.sandbox.http import Answer, Request, html_answer, json_answer, redirect
from apps.sandbox.identity import Identity
from apps.sandbox.merchants import Merchants
from apps.sandbox.orders import Order, OrderRefused, State, is_callback

SOMEBODY = "payer-one"
LISTED = 200


class NoSuchOrder(LookupError):
    """No order of that number, or more than one; `several` tells which."""

    def __init__(self, *, several: bool) -> None:
        super().__init__("several" if several else "none")
        self.several = several


@dataclass(frozen=True)
class Cashier:
    """What a payer does, and what a test asks for; `clock` gives aware UTC instants."""

    merchants: Merchants
    books: Books
    identity: Identity
    faults: Faults
    courier: Courier
    clock: Callable[[], datetime]

    def orders(self, request: Request) -> Answer:
        """`GET /orders`: the newest orders with what their merchants were told."""
        return json_answer(
            200, [self._shown(order, request) for order in self.books.newest(LISTED, self.clock())]
        )

    def order(self, request: Request, number: str) -> Answer:
        """`GET /orders/{out_trade_no}`."""
        try:
            return json_answer(
                200, self._shown(self._one(number, request.query.get("merchant", "")), request)
            )
        except NoSuchOrder as error:
            return _missing(error)

    def pay(self, request: Request, number: str) -> Answer:
        """`POST /orders/{out_trade_no}/pay`: the payer confirms; paying a paid order changes nothing."""
        wish = _wish(request)
        merchant = str(wish.get("merchant") or request.query.get("merchant", ""))
        payer = str(wish.get("payer") or self.identity.payer_of(request) or SOMEBODY)
        try:
            order = self._one(number, merchant)
            paid = self._take_money(order, payer)
        except NoSuchOrder as error:
            return _missing(error)
        except OrderRefused as refusal:
            if request.is_form:
                return redirect(_back_to(wish, number, merchant), status=303)
            return json_answer(409, {"code": refusal.why.value, "detail": "the order can no longer be paid"})
        if request.is_form:
            return redirect(_back_to(wish, number, merchant), status=303)
        return json_answer(200, self._shown(paid, request))

    def page(self, request: Request) -> Answer:
        """`GET /`: all orders and the faults, for people."""
        orders = self.books.newest(LISTED, self.clock())
        rows = [(order, self.merchants.owner_of(order.channel, order.merchant)) for order in orders]
        return html_answer(pages.overview(rows, self.faults.waiting()))

    def payer_page(self, request: Request, number: str) -> Answer:
        """`GET /cashier/{out_trade_no}`: opening it is what scanning the code is on the real platforms."""
        merchant, back = request.query.get("merchant", ""), request.query.get("back", "")
        try:
            order = self._one(number, merchant)
        except NoSuchOrder as error:
            return html_answer(pages.missing(several=error.several), 409 if error.several else 404)
        if not order.reached:
            self.books.reach(order)
        owner = self.merchants.owner_of(order.channel, order.merchant)
        if order.is_paid and order.return_url and order.merchant in self.merchants.alipay:
            app = self.merchants.alipay[order.merchant]
            back = alipay_content.return_address(order, app, self.clock())
        elif not is_callback(back, query_allowed=True):
            back = ""
        return html_answer(pages.payer(order, owner, back))

    def change_faults(self, request: Request) -> Answer:
        """`POST /faults`: queue one; `DELETE /faults` or a form with `clear` forgets all."""
        wish = _wish(request)
        try:
            if request.method == "DELETE" or wish.get("clear"):
                self.faults.clear()
            else:
                self.faults.order(wish)
        except FaultUnknown as error:
            return json_answer(400, {"code": "invalid_fault", "detail": str(error)})
        if request.is_form:
            return redirect("/", status=303)
        return self.show_faults(request)

    def show_faults(self, request: Request) -> Answer:
        """`GET /faults`: what has not been played yet."""
        return json_answer(200, [asdict(fault) for fault in self.faults.waiting()])

    def log_in(self, request: Request) -> Answer:
        """`POST /logins {kind, app_id, payer}`: a code as `wx.login()` or `my.getAuthCode()` gives it."""
        wish = _wish(request)
        kind, app_id = wish.get("kind", "wechat_mini"), str(wish.get("app_id", ""))
        payer = str(wish.get("payer") or SOMEBODY)
        if kind not in ("wechat_mini", "wechat_web", "alipay"):
            return json_answer(400, {"code": "invalid_kind", "detail": "wechat_mini, wechat_web or alipay"})
        if app_id not in (self.merchants.alipay if kind == "alipay" else self.merchants.app_secrets):
            return json_answer(400, {"code": "unknown_app", "detail": "no merchant has this app_id"})
        return json_answer(200, {"code": self.identity.issue(kind, app_id, payer)})

    def _one(self, number: str, merchant: str) -> Order:
        found = self.books.find_number(number, self.clock())
        if merchant:
            found = [order for order in found if order.merchant == merchant]
        if len(found) != 1:
            raise NoSuchOrder(several=bool(found))
        return found[0]

    def _take_money(self, order: Order, payer: str) -> Order:
        now = self.clock()
        payer_id = order.payer_id or self.identity.known(order.app_id, payer)
        if order.is_paid:
            return order
        notice = self._notice(order, now) if order.notify_url else None
        late = order.state is State.CLOSED and self.faults.take(
            ("pay_after_close",), order.channel, order.out_trade_no
        )
        paid, first = self.books.pay(order, payer_id, notice, now, though_closed=bool(late))
        if first:
            self.courier.hurry()
        return paid

    def _notice(self, order: Order, now: datetime) -> Notice:
        pause = self.courier.first_pause
        late = self.faults.take(("delay_notify",), order.channel, order.out_trade_no)
        if late:
            pause += timedelta(seconds=late.seconds)
        notice = new_notice(order, order.notify_url, now, pause)
        if self.faults.take(("lose_notify",), order.channel, order.out_trade_no):
            return replace(notice, state="lost")
        return notice

    def _shown(self, order: Order, request: Request) -> dict[str, Any]:
        shown = {name: str(value) for name, value in asdict(order).items() if name != "terms"}
        shown |= {"created_at": order.created_at.isoformat(), "expires_at": order.expires_at.isoformat()}
        paid_at = order.paid_at.isoformat() if order.paid_at else None
        notices = [
            {
                "id": notice.id,
                "about": notice.refund_no or "payment",
                "state": notice.state,
                "attempts": notice.attempts,
                "due_at": notice.due_at.isoformat(),
                "log": json.loads(notice.log or "[]"),
            }
            for notice in self.books.notices_of(order)
        ]
        return shown | {
            "owner": self.merchants.owner_of(order.channel, order.merchant),
            "reached": order.reached,
            "paid_at": paid_at,
            "cashier_url": f"{request.base_url}/cashier/{order.out_trade_no}?merchant={order.merchant}",
            "notices": notices,
        }


def _missing(error: NoSuchOrder) -> Answer:
    if error.several:
        return json_answer(
            409, {"code": "ambiguous", "detail": "two merchants used this number: add merchant"}
        )
    return json_answer(404, {"code": "not_found", "detail": "no order of this number"})


def _wish(request: Request) -> dict[str, Any]:
    """The wish in a JSON object or a browser's form; nothing readable is an empty wish."""
    if request.is_form:
        return dict(request.form)
    try:
        wish = json.loads(request.body or b"{}")
    except ValueError:
        wish = {}
    return wish if isinstance(wish, dict) else {}


def _back_to(wish: dict[str, Any], number: str, merchant: str) -> str:
    return (
        pages.cashier_path(number, merchant, str(wish.get("back", "")))
        if wish.get("from") == "cashier"
        else "/"
    )

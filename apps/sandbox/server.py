"""The HTTP server of both pretend platforms: paths to parts, nothing else. It listens on 127.0.0.1 only."""

import threading
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from apps.sandbox.abnormal import AbnormalRefunds
from apps.sandbox.alipay import Alipay
from apps.sandbox.bill_desk import BillDesk
from apps.sandbox.bills import Bills
from apps.sandbox.books import Books
from apps.sandbox.cashier import Cashier
from apps.sandbox.courier import SCHEDULE_S, Courier
from apps.sandbox.faults import Faults
from apps.sandbox.http import Answer, Request, json_answer
from apps.sandbox.identity import Identity
from apps.sandbox.merchants import load_merchants
from apps.sandbox.script import Script
from apps.sandbox.transfers import Transfers
from apps.sandbox.wechat import WeChatPay

HOST = "127.0.0.1"
LONGEST_BODY = 1_000_000
IDLE_S = 30


def system_clock() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)


class SandboxServer:
    """Both platforms on one port, with their state in one directory.

    :param port: 0 takes any free one; `url` says which.
    :param schedule_s: pauses before the first, second, … posting of a notify.
    :raises MerchantsUnreadable: if `state` holds no merchants.
    :raises OSError: if the port is taken.
    :raises sqlite3.Error: if the books in `state` cannot be opened.
    """

    def __init__(
        self,
        state: Path,
        port: int = 0,
        *,
        clock: Callable[[], datetime] = system_clock,
        schedule_s: Sequence[float] = SCHEDULE_S,
    ) -> None:
        merchants = load_merchants(state)
        self._http = _Listener((HOST, port), _Handler)
        try:
            books = Books(state / "sandbox.sqlite3")
        except BaseException:
            self._http.server_close()
            raise
        self._books = books
        self.url = f"http://{HOST}:{self._http.server_address[1]}"
        self.faults = faults = Faults()
        identity = Identity(merchants, books, clock)
        abnormal = AbnormalRefunds(books, faults)
        self._courier = courier = Courier(merchants, books, faults, clock, abnormal, schedule_s)
        transfers = Transfers(books, faults)
        self.bills = bills = Bills(books, clock)
        wechat = WeChatPay(
            merchants, books, identity, faults, clock, courier.hurry, transfers, bills, abnormal
        )
        alipay = Alipay(merchants, books, identity, faults, clock, courier.hurry, transfers, bills)
        cashier = Cashier(merchants, books, identity, faults, courier, clock)
        script = Script(faults, bills)
        self._http.route = Routes(wechat, alipay, identity, cashier, transfers, bills, script, clock).answer
        self._http.url = self.url
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serve from a background thread; returns at once."""
        self._courier.start()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let go of port and books. What merchants still have to be told is posted by the next run."""
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._courier.stop()
        self._http.server_close()
        self._books.close()


class Routes:
    """Which part answers which path; the platforms' paths are theirs, the rest is the control port."""

    def __init__(
        self,
        wechat: WeChatPay,
        alipay: Alipay,
        identity: Identity,
        cashier: Cashier,
        transfers: Transfers,
        bills: Bills,
        script: Script,
        clock: Callable[[], datetime],
    ) -> None:
        self._wechat, self._alipay, self._identity, self._cashier = wechat, alipay, identity, cashier
        self._transfers, self._clock, self._bill_desk = transfers, clock, BillDesk(bills)
        self._script = script

    def answer(self, request: Request) -> Answer:
        """Answer anything; an unknown path is a plain 404."""
        if request.path.startswith("/v3/"):
            return self._wechat.answer(request)
        match request.method, [unquote(part) for part in request.path.split("/")[1:]]:
            case (("GET" | "POST"), ["gateway.do"]):
                return self._alipay.answer(request)
            case "GET", ["connect", "oauth2", "authorize"]:
                return self._identity.wechat_authorize(request)
            case "GET", ["oauth2", "publicAppAuthorize.htm"]:
                return self._identity.alipay_authorize(request)
            case "GET", ["sns", "oauth2", "access_token"]:
                return self._identity.wechat_token(request, "wechat_web")
            case "GET", ["sns", "jscode2session"]:
                return self._identity.wechat_token(request, "wechat_mini")
            case "GET", [""]:
                return self._cashier.page(request)
            case "GET", ["cashier", number]:
                return self._cashier.payer_page(request, number)
            case "GET", ["orders"]:
                return self._cashier.orders(request)
            case "GET", ["orders", number]:
                return self._cashier.order(request, number)
            case "POST", ["orders", number, "pay"]:
                return self._cashier.pay(request, number)
            case (("GET" | "POST" | "DELETE"), ["script"]):
                return self._script.answer(request)
            case "GET", ["faults"]:
                return self._cashier.show_faults(request)
            case (("POST" | "DELETE"), ["faults"]):
                return self._cashier.change_faults(request)
            case "GET", ["transfers"]:
                return json_answer(200, {"transfers": self._transfers.shown(self._clock())})
            case "POST", ["transfers", number, "confirm"]:
                return self._transfers.confirm(number, self._clock())
            case "POST", ["transfers", number, "age"]:
                return self._transfers.age(number, self._clock())
            case "POST", ["payees"]:
                return self._transfers.know_payee(request)
            case "GET", ["downloadBillFile.resource"]:
                return self._bill_desk.alipay_file(request)
            case (("GET" | "POST" | "DELETE"), ["bills", "edits"]):
                return self._bill_desk.edits(request)
            case "POST", ["logins"]:
                return self._cashier.log_in(request)
        return json_answer(404, {"code": "not_found", "detail": "no such path"})


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    # Another process on the same port must be an error, not a second listener.
    allow_reuse_port = False
    request_queue_size = 128
    route: Callable[[Request], Answer]
    url: str


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    server_version = "RentMeterSandbox"
    timeout = IDLE_S
    # Head and body leave in two writes; with Nagle the second would wait for a delayed acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the lines would hold openids and codes."""

    def _serve(self) -> None:
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self._send(json_answer(411, {"code": "length_required", "detail": "send a Content-Length"}))
            return
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > LONGEST_BODY:
            self.close_connection = True
            self._send(json_answer(413, {"code": "too_long", "detail": "the body is too long"}))
            return
        body = self.rfile.read(int(length))
        request = Request(self.command, self.path, self.headers, body, self.server.url)
        try:
            answer = self.server.route(request)
        except Exception:  # noqa: BLE001 - the edge: a fault of ours must still be an answer, and be seen
            traceback.print_exc()
            answer = json_answer(500, {"code": "SYSTEM_ERROR", "message": "系统错误"})
        self._send(answer)

    do_GET = do_POST = do_DELETE = _serve

    def _send(self, answer: Answer) -> None:
        if answer.lost:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

"""Tells merchants what happened: posts signed notifies from a background thread until they are taken.

What is still to be told stands in the books, so a restart goes on where the last run stopped.
"""

import http.client
import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from apps.sandbox import alipay_content, wechat_content
from apps.sandbox.abnormal import AbnormalRefunds
from apps.sandbox.books import ABNORMAL, Books, Notice
from apps.sandbox.certificates import new_key
from apps.sandbox.faults import FORGING, Faults
from apps.sandbox.forging import GENUINE
from apps.sandbox.merchants import Merchants
from apps.sandbox.orders import Order, Refund

# Fifteen postings as on the real platforms, in minutes instead of a day.
SCHEDULE_S = (0.05, 1.0, 2.0, 4.0, 8.0, 15.0, *([30.0] * 9))
ANSWER_WITHIN_S = 5.0
_LEASE = timedelta(seconds=15)
_FAREWELL_S = 0.3
# The clock may be set forward while nothing new happens.
_LOOK_AGAIN_S = 0.25
_POSTERS = 8


@dataclass
class Courier:
    """`schedule_s[n]` is the pause before posting number `n + 1`; `clock` gives aware UTC instants."""

    merchants: Merchants
    books: Books
    faults: Faults
    clock: Callable[[], datetime]
    abnormal: AbnormalRefunds
    schedule_s: Sequence[float] = SCHEDULE_S
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _stranger: RSAPrivateKey | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _claimed: "queue.SimpleQueue[Notice | None]" = field(default_factory=queue.SimpleQueue)

    @property
    def first_pause(self) -> timedelta:
        """How long after the payment the first posting goes out."""
        return timedelta(seconds=self.schedule_s[0])

    def start(self) -> None:
        """Begin posting what is due."""
        self._threads = [threading.Thread(target=self._run, name="courier", daemon=True)]
        self._threads += [threading.Thread(target=self._post_claimed, daemon=True) for _ in range(_POSTERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Post nothing more; a posting that a merchant is slow to answer is left to the next run."""
        self._stopping.set()
        self._wake.set()
        for _ in range(_POSTERS):
            self._claimed.put(None)
        for thread in self._threads:
            thread.join(_FAREWELL_S)

    def hurry(self) -> None:
        """There is something new in the books."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            for notice in self.books.claim_notices(self.clock(), _LEASE):
                self._claimed.put(notice)
            due_at = self.books.next_notice_at()
            pause_s = _LOOK_AGAIN_S if due_at is None else (due_at - self.clock()).total_seconds()
            self._wake.wait(min(max(pause_s, 0.005), _LOOK_AGAIN_S))

    def _post_claimed(self) -> None:
        while (notice := self._claimed.get()) is not None and not self._stopping.is_set():
            try:
                self._deliver(notice)
            except sqlite3.ProgrammingError:
                # The books were closed while a merchant took its time; the next run posts again.
                if not self._stopping.is_set():
                    raise

    def _deliver(self, notice: Notice) -> None:
        now = self.clock()
        order = self.books.find(notice.channel, notice.merchant, notice.out_trade_no, now)
        refund = None
        if notice.refund_no:
            refund = self.books.find_refund(
                notice.channel, notice.merchant, notice.refund_no, notice.out_trade_no
            )
        known = self.merchants.wechat if notice.channel == "wechat" else self.merchants.alipay
        if order is None or notice.merchant not in known:
            self.books.mark_notice(replace(notice, state="given_up"))
            return
        fault = self.faults.take(FORGING, notice.channel, notice.out_trade_no)
        forged = fault.kind if fault else ""
        repeat = None if fault else self.faults.take(("repeat_notify",), notice.channel, notice.out_trade_no)
        copies = repeat.times if repeat else 1
        answers = self._post_copies(notice, order, refund, forged, copies)
        log = json.loads(notice.log or "[]")
        for said, accepted in answers:
            log.append({"at": now.isoformat(), "fault": forged, "answer": said, "accepted": accepted})
        self.books.mark_notice(self._after(notice, forged, any(taken for _, taken in answers), log))
        self.hurry()

    def _after(self, notice: Notice, forged: str, accepted: bool, log: list[dict[str, Any]]) -> Notice:
        """A forged notify never counts as told, except one whose signature was right."""
        genuine = forged in (*GENUINE, "wrong_amount") or (
            forged == "old_timestamp" and notice.channel == "alipay"
        )
        attempts = notice.attempts + 1
        written = json.dumps(log[-50:], ensure_ascii=False)
        if accepted and genuine:
            return replace(notice, attempts=attempts, state="delivered", log=written)
        if attempts >= len(self.schedule_s):
            return replace(notice, attempts=attempts, state="given_up", log=written)
        due_at = self.clock() + timedelta(seconds=self.schedule_s[attempts])
        return replace(notice, attempts=attempts, due_at=due_at, log=written)

    def _post_copies(
        self, notice: Notice, order: Order, refund: Refund | None, forged: str, copies: int
    ) -> list[tuple[str, bool]]:
        """The same notify `copies` times at once, each signed by itself."""
        answers: list[tuple[str, bool]] = []

        def post() -> None:
            headers, body = self._written(notice, order, refund, forged)
            answers.append(_post(notice, headers, body))

        others = [threading.Thread(target=post, daemon=True) for _ in range(copies - 1)]
        for thread in others:
            thread.start()
        post()
        for thread in others:
            thread.join()
        return answers

    def _written(
        self, notice: Notice, order: Order, refund: Refund | None, forged: str
    ) -> tuple[dict[str, str], bytes]:
        now = self.clock()
        if forged in ("unknown_serial", "signtest") and self._stranger is None:
            self._stranger = new_key()
        if notice.channel == "wechat":
            merchant = self.merchants.wechat[notice.merchant]
            return wechat_content.notify(
                notice.id,
                order,
                refund,
                merchant,
                notice.created_at,
                now,
                forged=forged,
                stranger=self._stranger,
                is_abnormal=refund is not None and self.books.is_marked(ABNORMAL, refund.out_request_no),
                finish=self.abnormal.finish_of(refund),
            )
        app = self.merchants.alipay[notice.merchant]
        return alipay_content.notify(
            notice.id, order, refund, app, now, forged=forged, stranger=self._stranger
        )


def _post(notice: Notice, headers: dict[str, str], body: bytes) -> tuple[str, bool]:
    """What the merchant answered, in a word, and whether that means it has understood.

    WeChat takes any 200 or 204, Alipay only the bare text `success`. A redirect is a failure to both.
    """
    parts = urlsplit(notice.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_WITHIN_S)
    try:
        connection.request("POST", parts.path or "/", body, headers | {"Connection": "close"})
        response = connection.getresponse()
        said = response.read(4096)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__, False
    finally:
        connection.close()
    if notice.channel == "wechat":
        return str(response.status), response.status in (200, 204)
    return (
        f"{response.status} {said[:20].decode('ascii', 'replace')}",
        response.status == 200 and said == b"success",
    )

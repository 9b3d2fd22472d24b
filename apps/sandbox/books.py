"""The platforms' books in one SQLite file, so that orders and pending notifies survive a restart."""

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from apps.sandbox.orders import BEIJING, Channel, Order, OrderRefused, Refund, State, Why

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    channel TEXT, merchant TEXT, app_id TEXT, out_trade_no TEXT, trade_type TEXT, amount_yuan TEXT,
    description TEXT, payer_id TEXT, notify_url TEXT, return_url TEXT, attach TEXT, terms TEXT,
    created_at TEXT, expires_at TEXT, reached INTEGER, transaction_id TEXT UNIQUE, state TEXT, paid_at TEXT,
    refunded_yuan TEXT,
    PRIMARY KEY (channel, merchant, out_trade_no)
) STRICT;
CREATE TABLE IF NOT EXISTS refunds (
    channel TEXT, merchant TEXT, out_trade_no TEXT, out_request_no TEXT, amount_yuan TEXT, refund_id TEXT,
    notify_url TEXT, made_at TEXT, PRIMARY KEY (channel, merchant, out_trade_no, out_request_no)
) STRICT;
CREATE TABLE IF NOT EXISTS notices (
    id TEXT PRIMARY KEY, channel TEXT, merchant TEXT, out_trade_no TEXT, refund_no TEXT, url TEXT,
    created_at TEXT, due_at TEXT, attempts INTEGER, state TEXT, log TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY, kind TEXT, app_id TEXT, payer TEXT, issued_at TEXT, used INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS payers (
    app_id TEXT, openid TEXT, payer TEXT, PRIMARY KEY (app_id, openid)
) STRICT;
CREATE TABLE IF NOT EXISTS marks (kind TEXT, number TEXT, PRIMARY KEY (kind, number)) STRICT;
"""
ABNORMAL = "refund_abnormal"
"""The mark of a refund whose payer can take no money any more."""


@dataclass(frozen=True)
class Notice:
    """Something a merchant is to be told; `state` is waiting, delivered, lost or given_up."""

    id: str
    channel: Channel
    merchant: str
    out_trade_no: str
    refund_no: str
    url: str
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    state: str = "waiting"
    log: str = ""


class Books:
    """Thread-safe; every public method is one transaction."""

    def __init__(self, path: Path) -> None:
        """:raises sqlite3.Error: if the file cannot be opened or is no database."""
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            # Survives the death of the process; only the death of the machine may cost the last orders.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Wait for a running transaction and let go of the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, one at a time."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def place(self, wished: Order, now: datetime) -> Order:
        """Make the order, or return the one that stands under the same number with the same terms.

        :raises OrderRefused: CHANGED, PAID or CLOSED.
        """
        with self.transaction() as db:
            known = _order(db, wished.channel, wished.merchant, wished.out_trade_no, now)
            if known is None:
                _insert(db, "orders", wished)
                return wished
        if known.terms != wished.terms:
            raise OrderRefused(Why.CHANGED)
        if known.state is State.CLOSED:
            raise OrderRefused(Why.CLOSED)
        if known.is_paid:
            raise OrderRefused(Why.PAID)
        return known

    def find(self, channel: Channel, merchant: str, out_trade_no: str, now: datetime) -> Order | None:
        """The order as it stands, also one that its payer has not opened yet."""
        with self.transaction() as db:
            return _order(db, channel, merchant, out_trade_no, now)

    def find_transaction(self, merchant: str, transaction_id: str, now: datetime) -> Order | None:
        """The same by the platform's own number."""
        with self.transaction() as db:
            row = db.execute(
                "SELECT * FROM orders WHERE merchant = ? AND transaction_id = ?", (merchant, transaction_id)
            ).fetchone()
            return _read(row).seen_at(now) if row else None

    def find_number(self, out_trade_no: str, now: datetime) -> list[Order]:
        """All orders of this number; two merchants may have used the same one."""
        with self.transaction() as db:
            rows = db.execute("SELECT * FROM orders WHERE out_trade_no = ?", (out_trade_no,)).fetchall()
            return [_read(row).seen_at(now) for row in rows]

    def newest(self, count: int, now: datetime) -> list[Order]:
        """The last orders made, newest first."""
        with self.transaction() as db:
            rows = db.execute("SELECT * FROM orders ORDER BY rowid DESC LIMIT ?", (count,)).fetchall()
            return [_read(row).seen_at(now) for row in rows]

    def reach(self, order: Order) -> None:
        """The payer has opened the order's QR code or page: from now on the trade exists."""
        with self.transaction() as db:
            db.execute(
                "UPDATE orders SET reached = 1 WHERE channel = ? AND merchant = ? AND out_trade_no = ?",
                _key(order),
            )

    def pay(
        self,
        order: Order,
        payer_id: str,
        notice: Notice | None,
        now: datetime,
        *,
        though_closed: bool = False,
    ) -> tuple[Order, bool]:
        """Take the money and note that the merchant is to be told; a second time changes nothing.

        :returns: the order and whether this call was the one that paid it.
        :raises OrderRefused: CLOSED, also for an order past its time.
        """
        with self.transaction() as db:
            known = _order(db, order.channel, order.merchant, order.out_trade_no, now)
            if known is None or (known.state is State.CLOSED and not though_closed):
                raise OrderRefused(Why.CLOSED if known else Why.UNKNOWN)
            if known.is_paid:
                return known, False
            db.execute(
                "UPDATE orders SET state = ?, paid_at = ?, payer_id = ?, reached = 1"
                " WHERE channel = ? AND merchant = ? AND out_trade_no = ?",
                (State.SUCCESS.value, now.isoformat(), payer_id, *_key(order)),
            )
            if notice is not None:
                _insert(db, "notices", notice)
            paid = replace(known, state=State.SUCCESS, paid_at=now, payer_id=payer_id, reached=True)
            return paid, True

    def shut(self, channel: Channel, merchant: str, out_trade_no: str, now: datetime) -> Order:
        """Close an unpaid order; closing a closed one again is no error.

        :raises OrderRefused: UNKNOWN or PAID.
        """
        with self.transaction() as db:
            known = _order(db, channel, merchant, out_trade_no, now)
            if known is None or not known.reached:
                raise OrderRefused(Why.UNKNOWN)
            if known.is_paid:
                raise OrderRefused(Why.PAID)
            db.execute(
                "UPDATE orders SET state = 'CLOSED' WHERE channel = ? AND merchant = ? AND out_trade_no = ?",
                _key(known),
            )
            return known

    def refund(self, wished: Refund, notice: Notice | None, now: datetime) -> tuple[Refund, Order, bool]:
        """Give money back once per `out_request_no`.

        :returns: the refund, the order after it, and whether money moved in this very call.
        :raises OrderRefused: UNKNOWN, UNPAID, TOO_MUCH, or CHANGED for the same number with other terms.
        """
        with self.transaction() as db:
            order = _order(db, wished.channel, wished.merchant, wished.out_trade_no, now)
            if order is None or not order.reached:
                raise OrderRefused(Why.UNKNOWN)
            known = _refund(db, wished)
            if known is not None:
                if (known.amount_yuan, known.out_trade_no) != (wished.amount_yuan, wished.out_trade_no):
                    raise OrderRefused(Why.CHANGED)
                return known, order, False
            if not order.is_paid:
                raise OrderRefused(Why.UNPAID)
            refunded_yuan = order.refunded_yuan + wished.amount_yuan
            if refunded_yuan > order.amount_yuan:
                raise OrderRefused(Why.TOO_MUCH)
            _insert(db, "refunds", wished)
            db.execute(
                "UPDATE orders SET state = 'REFUND', refunded_yuan = ?"
                " WHERE channel = ? AND merchant = ? AND out_trade_no = ?",
                (str(refunded_yuan), *_key(order)),
            )
            if notice is not None:
                _insert(db, "notices", notice)
            return wished, replace(order, state=State.REFUND, refunded_yuan=refunded_yuan), True

    def find_refund(
        self, channel: Channel, merchant: str, out_request_no: str, out_trade_no: str = ""
    ) -> Refund | None:
        """A refund by the merchant's number for it (Alipay's is unique per trade only)."""
        with self.transaction() as db:
            row = db.execute(
                "SELECT * FROM refunds WHERE channel = ? AND merchant = ? AND out_request_no = ?"
                " AND (? = '' OR out_trade_no = ?)",
                (channel, merchant, out_request_no, out_trade_no, out_trade_no),
            ).fetchone()
            return _read_refund(row) if row else None

    def paid_between(
        self, channel: Channel, merchant: str, since: datetime, until: datetime
    ) -> tuple[list[Order], list[tuple[Refund, Order]]]:
        """What the merchant took and gave back within `[since, until)`, oldest first; for its bill."""
        with self.transaction() as db:
            key = (channel, merchant, since.isoformat(), until.isoformat())
            orders = db.execute(
                "SELECT * FROM orders WHERE channel = ? AND merchant = ? AND paid_at >= ? AND paid_at < ?"
                " ORDER BY paid_at",
                key,
            ).fetchall()
            refunds = db.execute(
                "SELECT * FROM refunds WHERE channel = ? AND merchant = ? AND made_at >= ? AND made_at < ?"
                " ORDER BY made_at",
                key,
            ).fetchall()
            back = []
            for refund in map(_read_refund, refunds):
                order = _order(db, channel, merchant, refund.out_trade_no, until)
                assert order is not None
                back.append((refund, order))
            return [_read(row) for row in orders], back

    def mark(self, kind: str, number: str) -> None:
        """Remember something of a number for ever."""
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO marks VALUES (?, ?)", (kind, number))

    def is_marked(self, kind: str, number: str) -> bool:
        with self.transaction() as db:
            found = db.execute("SELECT 1 FROM marks WHERE kind = ? AND number = ?", (kind, number))
            return found.fetchone() is not None

    def claim_notices(self, now: datetime, lease: timedelta) -> list[Notice]:
        """Notifies to be posted now; each is due again after `lease` should this process die meanwhile."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT * FROM notices WHERE state = 'waiting' AND due_at <= ?", (now.isoformat(),)
            ).fetchall()
            db.executemany(
                "UPDATE notices SET due_at = ? WHERE id = ?",
                [((now + lease).isoformat(), row["id"]) for row in rows],
            )
            return [_read_notice(row) for row in rows]

    def next_notice_at(self) -> datetime | None:
        """When the earliest waiting notify is due."""
        with self.transaction() as db:
            row = db.execute("SELECT MIN(due_at) AS due_at FROM notices WHERE state = 'waiting'").fetchone()
            return datetime.fromisoformat(row["due_at"]) if row["due_at"] else None

    def notices_of(self, order: Order) -> list[Notice]:
        """Everything the merchant was told or is still to be told about this order."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT * FROM notices WHERE channel = ? AND merchant = ? AND out_trade_no = ?"
                " ORDER BY rowid",
                _key(order),
            ).fetchall()
            return [_read_notice(row) for row in rows]

    def tell(self, notice: Notice) -> None:
        """Note that a merchant is to be told something more."""
        with self.transaction() as db:
            _insert(db, "notices", notice)

    def mark_notice(self, notice: Notice) -> None:
        """Keep how far a notify has come."""
        with self.transaction() as db:
            db.execute(
                "UPDATE notices SET due_at = ?, attempts = ?, state = ?, log = ? WHERE id = ?",
                (notice.due_at.isoformat(), notice.attempts, notice.state, notice.log, notice.id),
            )


def new_notice(order: Order, url: str, now: datetime, after: timedelta, refund_no: str = "") -> Notice:
    """A notify about `order`, first due `after` from now; its id stays the same over all retries."""
    identity = secrets.token_hex(16)
    return Notice(
        identity, order.channel, order.merchant, order.out_trade_no, refund_no, url, now, now + after
    )


def new_transaction_id(channel: Channel, now: datetime) -> str:
    """28 digits, unique, in the manner of each platform."""
    day = now.astimezone(BEIJING).strftime("%Y%m%d")
    tail = f"{secrets.randbelow(10**12):012d}"
    return f"42000{secrets.randbelow(1000):03d}{day}{tail}" if channel == "wechat" else f"{day}22001400{tail}"


def _key(order: Order) -> tuple[str, str, str]:
    return order.channel, order.merchant, order.out_trade_no


def _order(
    db: sqlite3.Connection, channel: Channel, merchant: str, out_trade_no: str, now: datetime
) -> Order | None:
    row = db.execute(
        "SELECT * FROM orders WHERE channel = ? AND merchant = ? AND out_trade_no = ?",
        (channel, merchant, out_trade_no),
    ).fetchone()
    return _read(row).seen_at(now) if row else None


def _refund(db: sqlite3.Connection, wished: Refund) -> Refund | None:
    scope = "" if wished.channel == "wechat" else wished.out_trade_no
    row = db.execute(
        "SELECT * FROM refunds WHERE channel = ? AND merchant = ? AND out_request_no = ?"
        " AND (? = '' OR out_trade_no = ?)",
        (wished.channel, wished.merchant, wished.out_request_no, scope, scope),
    ).fetchone()
    return _read_refund(row) if row else None


def _insert(db: sqlite3.Connection, table: str, record: Order | Refund | Notice) -> None:
    values = [_plain(getattr(record, field.name)) for field in fields(record)]
    names = ", ".join(field.name for field in fields(record))
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608


def _plain(value: Any) -> str | int | None:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return int(value)
    return value if value is None or isinstance(value, int) else str(value)


def _read(row: sqlite3.Row) -> Order:
    values: dict[str, Any] = dict(row)
    values |= {name: datetime.fromisoformat(values[name]) for name in ("created_at", "expires_at")}
    values |= {name: Decimal(values[name]) for name in ("amount_yuan", "refunded_yuan")}
    values["paid_at"] = datetime.fromisoformat(values["paid_at"]) if values["paid_at"] else None
    values |= {"state": State(values["state"]), "reached": bool(values["reached"])}
    return Order(**values)


def _read_refund(row: sqlite3.Row) -> Refund:
    values: dict[str, Any] = dict(row)
    return Refund(
        **values
        | {
            "amount_yuan": Decimal(values["amount_yuan"]),
            "made_at": datetime.fromisoformat(values["made_at"]),
        }
    )


def _read_notice(row: sqlite3.Row) -> Notice:
    values: dict[str, Any] = dict(row)
    return Notice(
        **values | {name: datetime.fromisoformat(values[name]) for name in ("created_at", "due_at")}
    )

"""What survives kill -9: one SQLite file, WAL with a sync at every commit, one connection.

Every public call runs inside ``transaction()``; an answer leaves only after its commit.
"""

import contextlib
import dataclasses
import json
import pathlib
import sqlite3
from collections.abc import Iterator
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS payments (
    request_id TEXT PRIMARY KEY, payment_id TEXT UNIQUE, status TEXT, scenario TEXT,
    currency TEXT, value INTEGER, method TEXT, order_json TEXT, notify_url TEXT,
    created_ms INTEGER, expires_ms INTEGER, confirm_ms INTEGER, paid_ms INTEGER,
    cancelled_ms INTEGER, result_code TEXT, order_code TEXT, closed INTEGER,
    tombstoned INTEGER, succeeds_on_cancel INTEGER, walked_away INTEGER);
CREATE INDEX IF NOT EXISTS undecided ON payments (status) WHERE status = 'PROCESSING';
CREATE TABLE IF NOT EXISTS movements (
    number INTEGER PRIMARY KEY, request_id TEXT, kind TEXT, currency TEXT, value INTEGER,
    reason TEXT, at_ms INTEGER);
CREATE INDEX IF NOT EXISTS movements_of ON movements (request_id);
CREATE TABLE IF NOT EXISTS refunds (
    refund_request_id TEXT PRIMARY KEY, refund_id TEXT UNIQUE, request_id TEXT,
    currency TEXT, value INTEGER, status TEXT, result_code TEXT, at_ms INTEGER);
CREATE INDEX IF NOT EXISTS refunds_of ON refunds (request_id);
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY, wallet TEXT, issued_ms INTEGER, after_s REAL, used_by TEXT);
CREATE TABLE IF NOT EXISTS notifications (
    number INTEGER PRIMARY KEY, request_id TEXT, url TEXT, body BLOB, due_ms INTEGER,
    attempts INTEGER, state TEXT, last_error TEXT);
CREATE INDEX IF NOT EXISTS unsent ON notifications (due_ms) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS log (
    number INTEGER PRIMARY KEY, at_ms INTEGER, connection INTEGER, method TEXT, target TEXT,
    version TEXT, headers TEXT, body BLOB, complete INTEGER, api TEXT, request_id TEXT,
    fault TEXT, verdict TEXT);
CREATE INDEX IF NOT EXISTS log_of ON log (request_id);
"""

Amount = tuple[str, int]


@dataclasses.dataclass
class Payment:
    """One paymentRequestId. Times are ms since 1970, None when they have not come."""

    request_id: str
    payment_id: str | None
    #: PROCESSING, SUCCESS, FAIL or CANCELLED
    status: str
    #: PaymentCode, OrderCode; "" for a tombstone
    scenario: str
    currency: str
    value: int
    #: paymentMethodId, compared on a repeat (antom-api.md §10.1)
    method: str
    order_json: str
    notify_url: str
    created_ms: int
    #: None: never closes by itself
    expires_ms: int | None = None
    #: the customer confirms by himself then
    confirm_ms: int | None = None
    paid_ms: int | None = None
    cancelled_ms: int | None = None
    #: why it failed
    result_code: str = ""
    #: the QR that an order code put on the screen
    order_code: str = ""
    #: closed by expiry, not by a cancel
    closed: bool = False
    #: cancelled before its pay came
    tombstoned: bool = False
    succeeds_on_cancel: bool = False
    walked_away: bool = False

    def __post_init__(self) -> None:
        self.closed = bool(self.closed)
        self.tombstoned = bool(self.tombstoned)
        self.succeeds_on_cancel = bool(self.succeeds_on_cancel)
        self.walked_away = bool(self.walked_away)


@dataclasses.dataclass
class Movement:
    """Money of the customer: ``debit`` leaves his wallet, ``credit`` comes back."""

    request_id: str
    kind: str
    currency: str
    value: int
    reason: str
    at_ms: int


@dataclasses.dataclass
class Refund:
    refund_request_id: str
    refund_id: str
    request_id: str
    currency: str
    value: int
    #: SUCCESS, PROCESSING or FAIL
    status: str
    result_code: str
    at_ms: int


@dataclasses.dataclass
class Code:
    code: str
    wallet: str
    issued_ms: int
    after_s: float
    used_by: str


@dataclasses.dataclass
class Notification:
    """``state`` is waiting, delivered, given up or suppressed."""

    number: int | None
    request_id: str
    url: str
    body: bytes
    due_ms: int
    attempts: int = 0
    state: str = "waiting"
    last_error: str = ""


@dataclasses.dataclass
class Received:
    """One line of the log; ``body`` is exact, payment codes included."""

    number: int | None
    at_ms: int
    connection: int
    method: str
    target: str
    version: str
    headers: str
    body: bytes
    complete: bool
    api: str
    request_id: str
    fault: str = ""
    verdict: str = ""


class Store:
    def __init__(self, path: pathlib.Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside is on disk when it ends, or none of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def meta(self, name: str, default: Any) -> Any:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set_meta(self, name: str, value: object) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    def payment(self, request_id: str) -> Payment | None:
        return self._payment("request_id", request_id)

    def payment_by_id(self, payment_id: str) -> Payment | None:
        return self._payment("payment_id", payment_id)

    def payment_by_order_code(self, order_code: str) -> Payment | None:
        return self._payment("order_code", order_code)

    def _payment(self, column: str, value: str) -> Payment | None:
        found = self._db.execute(f"SELECT * FROM payments WHERE {column} = ?", (value,))
        row = found.fetchone()
        return None if row is None else Payment(*row)

    def payments(self, status: str = "") -> list[Payment]:
        where = " WHERE status = ?" if status else ""
        found = self._db.execute(
            f"SELECT * FROM payments{where} ORDER BY created_ms, rowid",
            (status,) if status else (),
        )
        return [Payment(*row) for row in found]

    def put_payment(self, payment: Payment) -> None:
        self._put("payments", payment)

    def add_movement(self, movement: Movement) -> None:
        marks = "NULL, " + ", ".join("?" * 6)
        self._db.execute(f"INSERT INTO movements VALUES ({marks})", dataclasses.astuple(movement))

    def movements(self, request_id: str) -> list[Movement]:
        found = self._db.execute(
            "SELECT request_id, kind, currency, value, reason, at_ms FROM movements"
            " WHERE request_id = ? ORDER BY number",
            (request_id,),
        )
        return [Movement(*row) for row in found]

    def refund(self, refund_request_id: str) -> Refund | None:
        return self._refund("refund_request_id", refund_request_id)

    def refund_by_id(self, refund_id: str) -> Refund | None:
        return self._refund("refund_id", refund_id)

    def _refund(self, column: str, value: str) -> Refund | None:
        found = self._db.execute(f"SELECT * FROM refunds WHERE {column} = ?", (value,))
        row = found.fetchone()
        return None if row is None else Refund(*row)

    def refunds(self, request_id: str) -> list[Refund]:
        found = self._db.execute(
            "SELECT * FROM refunds WHERE request_id = ? ORDER BY at_ms, rowid", (request_id,)
        )
        return [Refund(*row) for row in found]

    def put_refund(self, refund: Refund) -> None:
        self._put("refunds", refund)

    def code(self, code: str) -> Code | None:
        row = self._db.execute("SELECT * FROM codes WHERE code = ?", (code,)).fetchone()
        return None if row is None else Code(*row)

    def put_code(self, code: Code) -> None:
        self._put("codes", code)

    def put_notification(self, notification: Notification) -> None:
        self._put("notifications", notification)

    def waiting_notifications(self, request_id: str = "") -> list[Notification]:
        if request_id:
            return self._notifications("state = 'waiting' AND request_id = ?", request_id)
        return self._notifications("state = ?", "waiting")

    def notifications(self) -> list[Notification]:
        return self._notifications("number > ?", 0)

    def _notifications(self, where: str, value: int | str) -> list[Notification]:
        found = self._db.execute(
            f"SELECT * FROM notifications WHERE {where} ORDER BY due_ms, number", (value,)
        )
        return [Notification(*row) for row in found]

    def add_received(self, received: Received) -> int:
        cursor = self._put("log", received)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def set_verdict(self, number: int, fault: str, verdict: str) -> None:
        self._db.execute(
            "UPDATE log SET fault = ?, verdict = ? WHERE number = ?", (fault, verdict, number)
        )

    def log(self, request_id: str = "") -> list[Received]:
        where = " WHERE request_id = ?" if request_id else ""
        found = self._db.execute(
            f"SELECT * FROM log{where} ORDER BY number", (request_id,) if request_id else ()
        )
        return [Received(*row) for row in found]

    def body_counts(self, request_id: str = "") -> dict[str, int]:
        """Whole bodies received, by API; of one payment when it is named."""
        where = " AND request_id = ?" if request_id else ""
        found = self._db.execute(
            "SELECT api, count(*) FROM log"
            f" WHERE complete AND length(body) > 0{where} GROUP BY api",
            (request_id,) if request_id else (),
        )
        return dict(found.fetchall())

    def _put(self, table: str, row: Any) -> sqlite3.Cursor:
        """Insert, or update the row of the same key: its first field."""
        names = [field.name for field in dataclasses.fields(row)]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        return self._db.execute(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            f" ON CONFLICT ({names[0]}) DO UPDATE SET {changes}",
            [getattr(row, name) for name in names],
        )

"""What is settled and has left memory: one SQLite file beside the journal.

The rows hold the journal's own records, with a checksum, and the few columns that questions ask
by. One thread uses an Archive, over the only connection there is (lessons.md): write-ahead log,
every commit flushed. What was committed is known by its count of batches, which the journal
keeps: an archive that has fewer has lost something, and that is damage (I20).
"""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from tilld_core import packing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from tilld_core.ledger import Entry

FILE_NAME = "archive"
LOST_NAME = "archive.lost"  # a person has put the old one there, and accepts the loss
FORMAT = 1
_CACHE_KIB = 256
_CHECKPOINT_PAGES = 256  # the log is carried over to the file so often: 1 MiB
_TRIM_AT_ONCE = 256

_TABLES = """
CREATE TABLE about (format INTEGER, name TEXT, batches INTEGER);
CREATE TABLE things (
    id TEXT PRIMARY KEY, family TEXT, kind TEXT, key TEXT, order_ref TEXT, antom_id TEXT,
    number INTEGER, at_s INTEGER, revision INTEGER, period INTEGER, returned_in INTEGER,
    state TEXT, reason TEXT, currency TEXT, amount_minor INTEGER, records BLOB
);
CREATE INDEX by_family ON things (family);
CREATE INDEX by_key ON things (key) WHERE key <> '';
CREATE INDEX by_order ON things (order_ref) WHERE order_ref <> '';
CREATE INDEX by_antom_id ON things (antom_id) WHERE antom_id <> '';
CREATE INDEX by_number ON things (kind, number);
CREATE INDEX by_time ON things (at_s);
CREATE INDEX by_period ON things (period, kind);
CREATE INDEX by_return ON things (returned_in) WHERE returned_in > 0;
"""


class ArchiveFault(Exception):
    """The disk is full or does not take or give what is asked; nothing that was there is lost."""


class ArchiveDamaged(Exception):
    """What was committed can't be read, or is not there any more."""


class Row(NamedTuple):
    """One thing: a payment, refund, job or period, as its columns and its records."""

    id: str
    family: str
    kind: str
    key: str
    order_ref: str
    antom_id: str
    number: int
    at_s: int
    revision: int
    period: int
    returned_in: int
    state: str
    reason: str
    currency: str
    amount_minor: int
    records: bytes


class Found(NamedTuple):
    """One thing that was found, and the family it belongs to."""

    id: str
    family: str
    kind: str
    revision: int
    entries: list[Entry]


class Kept(NamedTuple):
    """How many stay in any case, and how young what is kept beyond that must be."""

    payments: int
    jobs: int
    since_s: int


def packed(entries: list[Entry]) -> bytes:
    """The records with their checksum, as a row keeps them."""
    data = packing.pack(entries)
    return zlib.crc32(data).to_bytes(4, "little") + data


class Archive:
    """Opened by `open_archive`; raises ArchiveFault and ArchiveDamaged wherever it is used."""

    def __init__(self, connection: sqlite3.Connection, name: str, batches: int) -> None:
        self._connection = connection
        self.name = name
        self.batches = batches

    def put(self, rows: Sequence[Row], kept: Kept) -> int:
        """One batch, durable when this returns; older rows of the same things are replaced, and
        what is older than must be kept goes. Returns how many batches there are now."""
        with _words():
            return self._put(rows, kept)

    def _put(self, rows: Sequence[Row], kept: Kept) -> int:
        ask = self._connection.execute
        ask("BEGIN IMMEDIATE")
        try:
            marks = ",".join("?" * len(Row._fields))
            self._connection.executemany(f"INSERT OR REPLACE INTO things VALUES ({marks})", rows)
            self._trim(kept)
            ask("UPDATE about SET batches = ?", (self.batches + 1,))
            ask("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                ask("ROLLBACK")
            raise
        self.batches += 1
        return self.batches

    def _trim(self, kept: Kept) -> None:
        """Settled payments and their keys stay 30 days and 5,000 payments (rules.md §6)."""
        for kind, count in (("payment", kept.payments), ("job", kept.jobs)):
            newest = "FROM things WHERE kind = ? ORDER BY number DESC LIMIT 1 OFFSET ?"
            self._forget(
                f"kind = ? AND family = id AND at_s < ? AND number <= (SELECT number {newest})",
                (kind, kept.since_s, kind, count),
            )
        self._forget("kind = 'refund' AND family = id AND at_s < ?", (kept.since_s,))

    def _forget(self, which: str, values: tuple[object, ...]) -> None:
        some = f"SELECT id FROM things WHERE {which} LIMIT {_TRIM_AT_ONCE}"
        self._connection.execute(f"DELETE FROM things WHERE family IN ({some})", values)

    def find(self, names: Iterable[str], order: str = "") -> list[Found]:
        """The whole families of what has one of these ids or keys, and of one paid payment of
        that order, each in its order."""
        found: dict[str, list[Found]] = {}
        if order:
            with _words():
                of = self._connection.execute(
                    "SELECT family FROM things WHERE order_ref = ? AND state = 'paid' LIMIT 1",
                    (order,),
                ).fetchall()
            for (family,) in of:
                found[family] = self._found("WHERE family = ? ORDER BY rowid", (family,))
        columns = ("id", "key", "antom_id")
        # an index of its own serves each; '' is in none of them, and is nobody's name
        which = " UNION ".join(f"SELECT family FROM things WHERE {c} = :n" for c in columns)
        for name in names:
            if not name:
                continue
            with _words():
                of = self._connection.execute(which, {"n": name}).fetchall()
            for (family,) in of:
                if family not in found:
                    found[family] = self._found("WHERE family = ? ORDER BY rowid", (family,))
        return [one for family in found.values() for one in family]

    def page(
        self,
        kind: str,
        before: int,
        size: int,
        asked: dict[str, object],
        without: Iterable[str],
    ) -> list[Found]:
        """The families of things that came before that number, newest first, ``size`` of them.

        ``asked`` are columns and the values they must have; ``without`` are families in memory.
        """
        names = sorted(asked)
        which = "".join(f" AND {name} = ?" for name in names)
        values = (kind, before, *(asked[name] for name in names))
        with _words():
            self._set_aside(without)
            of = self._connection.execute(
                "SELECT DISTINCT family FROM things WHERE kind = ? AND number < ?"
                f"{which} AND family NOT IN temp.aside ORDER BY number DESC LIMIT ?",
                (*values, size),
            ).fetchall()
        return [one for (f,) in of for one in self._found("WHERE family = ? ORDER BY rowid", (f,))]

    def number_of(self, name: str) -> int | None:
        """Where the thing of this id stands in lists."""
        with _words():
            row = self._connection.execute(
                "SELECT number FROM things WHERE id = ?", (name,)
            ).fetchone()
        return None if row is None else int(row[0])

    def recent(self, since_s: int, after: str, size: int, without: Iterable[str]) -> list[Found]:
        """Families with something decided since then, by their id, the next ``size`` of them."""
        with _words():
            self._set_aside(without)
            of = self._connection.execute(
                "SELECT DISTINCT family FROM things WHERE at_s >= ? AND family > ?"
                " AND family NOT IN temp.aside ORDER BY family LIMIT ?",
                (since_s, after, size),
            ).fetchall()
        return [one for (f,) in of for one in self._found("WHERE family = ? ORDER BY rowid", (f,))]

    def sums(self, period: int, without: Iterable[str]) -> dict[str, list[tuple[Any, ...]]]:
        """What a period's report adds up: of "started" payments (state, reason, currency, count,
        sum), of "refunded" and "returned" money (currency, count, sum)."""
        counted = "count(*), sum(amount_minor) FROM things WHERE family NOT IN temp.aside AND"
        ask = self._connection.execute
        with _words():
            self._set_aside(without)
            return {
                "started": ask(
                    f"SELECT state, reason, currency, {counted} kind = 'payment' AND period = ?"
                    " GROUP BY state, reason, currency",
                    (period,),
                ).fetchall(),
                "refunded": ask(
                    f"SELECT currency, {counted} kind = 'refund' AND period = ? GROUP BY currency",
                    (period,),
                ).fetchall(),
                "returned": ask(
                    f"SELECT currency, {counted} returned_in = ? GROUP BY currency", (period,)
                ).fetchall(),
            }

    def check(self) -> None:
        """Looks at every page. Raises ArchiveDamaged for what the eye of SQLite can see."""
        with _words():
            found = self._connection.execute("PRAGMA integrity_check(1)").fetchall()
        if found != [("ok",)]:
            raise ArchiveDamaged(f"the archive does not hold together: {found[0][0]}")

    def close(self) -> None:
        """Closes the file; nothing is lost without it."""
        self._connection.close()

    def _set_aside(self, families: Iterable[str]) -> None:
        """Memory knows these better."""
        ask = self._connection.execute
        ask("CREATE TEMP TABLE IF NOT EXISTS aside (family TEXT PRIMARY KEY)")
        ask("DELETE FROM temp.aside")
        rows = [(family,) for family in families]
        self._connection.executemany("INSERT OR IGNORE INTO temp.aside VALUES (?)", rows)

    def _found(self, which: str, values: tuple[object, ...]) -> list[Found]:
        with _words():
            rows = self._connection.execute(
                f"SELECT id, family, kind, revision, records FROM things {which}", values
            ).fetchall()
        return [
            Found(name, family, kind, revision, _unpacked(name, records))
            for name, family, kind, revision, records in rows
        ]


def _unpacked(name: str, data: bytes) -> list[Entry]:
    if zlib.crc32(data[4:]).to_bytes(4, "little") != data[:4]:
        raise ArchiveDamaged(f"the archive's records of {name} are not what was written")
    entries: list[Entry] = msgpack.unpackb(data[4:])
    return entries


def open_archive(folder: str, expected: str, batches: int, new_name: str) -> Archive:
    """Opens the archive in ``folder``, or makes one.

    ``expected`` and ``batches`` are what the journal knows of it: "" and 0 for none yet.
    ``new_name`` is the name of one that has to be made.
    """
    path = os.path.join(folder, FILE_NAME)
    if not os.path.exists(path):
        accepted = os.path.exists(os.path.join(folder, LOST_NAME))
        if expected and not accepted:
            raise ArchiveDamaged("the archive is gone")
        return _make(path, new_name)
    with _words():
        connection = _connect(path)
        rows = connection.execute("SELECT format, name, batches FROM about").fetchall()
    if len(rows) != 1 or rows[0][0] != FORMAT:
        raise ArchiveDamaged("the archive is of another format")
    archive = Archive(connection, rows[0][1], rows[0][2])
    if archive.name == expected and archive.batches < batches:
        raise ArchiveDamaged(
            f"the archive has {archive.batches} batches, {batches} were written to it"
        )
    accepted = os.path.exists(os.path.join(folder, LOST_NAME))
    if expected and archive.name != expected and not accepted:
        raise ArchiveDamaged("the archive belongs to another device")
    return archive


def accept_loss(folder: str, archive: Archive) -> None:
    """The journal knows the new archive: a later loss is a loss of its own."""
    lost = os.path.join(folder, LOST_NAME)
    if os.path.exists(lost):
        os.rename(lost, f"{lost}.before-{archive.name}")


def _connect(path: str) -> sqlite3.Connection:
    import sqlite3  # 2 MiB that a device without an archive does without

    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for setting in (
        "locking_mode = EXCLUSIVE",  # no other process, and so no shared memory file
        "journal_mode = WAL",
        "synchronous = FULL",
        f"cache_size = -{_CACHE_KIB}",
        f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
        f"journal_size_limit = {_CHECKPOINT_PAGES * 4096}",
        "temp_store = MEMORY",
        "trusted_schema = OFF",
    ):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _make(path: str, name: str) -> Archive:
    """A new archive under its name only when it is whole, as the journal is made."""
    unfinished = f"{path}.new"
    with _words():
        for leftover in (unfinished, f"{unfinished}-wal", f"{unfinished}-journal"):
            if os.path.exists(leftover):
                os.unlink(leftover)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        connection = _connect(unfinished)
        try:
            connection.executescript(f"BEGIN;{_TABLES}COMMIT;")
            connection.execute("INSERT INTO about VALUES (?, ?, 0)", (FORMAT, name))
        finally:
            connection.close()  # carries the log over and removes it
        os.rename(unfinished, path)
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return Archive(_connect(path), name, 0)


@contextlib.contextmanager
def _words() -> Iterator[None]:
    """SQLite's errors and the system's, sorted into the two that matter."""
    import sqlite3

    try:
        yield
    except OSError as error:
        raise ArchiveFault(f"the archive: {error.strerror}") from error
    except sqlite3.OperationalError as error:
        raise ArchiveFault(f"the archive: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ArchiveDamaged(f"the archive can't be read: {error}") from error

"""Power cut at every point around the archive: nothing is lost, nothing is there twice.

One story of sales that leave for the archive, are recalled, refunded and leave again, while the
journal is written anew in between. The journal lies on the dummy storage, which loses power at
every operation in turn; the archive is a real file, taken as it is at that moment, and after each
commit with its log torn at many places.
"""

import os
import random
import shutil

import msgpack
import pytest

from tilld_core import families
from tilld_core import payment as payments
from tilld_core import refund as refunds
from tilld_core.ledger import Ledger, entry_of
from tilld_core.payment import Payment
from tilld_core.refund import Refund
from tilld_daemon.archive import Archive, Kept, open_archive
from tilld_daemon.past import Past, _rows
from tilld_daemon.store import Store
from tilld_hal.drivers.storage_dummy import PowerCut, open_device

NOW_S = 1795390000
SIZE = 2 * 16 * 4096
TEARS = 12
FIRST_OPERATION = 3  # the first two make the journal
KEEP_ALL = Kept(1000, 1000, 0)
Money = dict[str, int]  # payment -> what of it was refunded; a payment that is there is paid


class Life:
    """The production parts in the order in which `Past` uses them, one call after the other."""

    def __init__(self, device, folder):
        self.device = device
        self.folder = folder
        self.store = Store(device, unpack=msgpack.unpackb, random_bytes=random.Random(1).randbytes)
        self.ledger = Ledger()
        for entry in self.store.recover().records:
            self.ledger.replay(entry)
        self.archive: Archive | None = None
        self.sure: Money = {}
        self.maybe: Money = {}
        self.after_commit = lambda: None

    def note(self, entries, then):
        """``then`` is what the money is once the records are on flash."""
        self.maybe = then
        for batch in families.said_again(self.ledger, entries):
            self.store.mark(batch)
        self.store.append(entries)
        self.sure = then

    def sell(self, count):
        for _ in range(count):
            number = len(self.sure)
            one = Payment(f"P{number}", f"key-{number}", f"o-{number}", "EUR", 1250, NOW_S + number)
            one.state, one.decided_at_s = payments.PAID, NOW_S
            self.ledger.add_payment(one)
            entries = [entry_of(kind, one) for kind in ("intent", "paid", "heard")]
            self.note(entries, {**self.sure, one.payment: 0})

    def refund(self, name):
        ledger = self.ledger
        number = 50 + sum(self.sure.values())
        of = self.recall(name)
        back = Refund(f"R{number}", f"refund-key-{number}", name, "A", "EUR", 7, NOW_S + number)
        ledger.add_refund(back)
        self.note([entry_of("refund requested", back)], self.sure)
        back.state, back.decided_at_s, back.period = refunds.REFUNDED, NOW_S + 1, 1
        self.note([entry_of("refund refunded", back)], {**self.sure, name: self.sure[name] + 7})
        assert ledger.refunded_minor(of) == self.sure[name]

    def recall(self, name):
        if name not in self.ledger.payments:
            assert self.archive is not None
            for one in self.archive.find([name]):
                Past._replay(self.ledger, one)
                self.ledger.recalled[one.id] = one.family
        return self.ledger.payments[name]

    def leave(self, count):
        """The oldest leave: on flash in the archive first, then out of the ledger."""
        if self.archive is None:
            known = (self.ledger.archive, self.ledger.archive_batches)
            self.archive = open_archive(str(self.folder), *known, "n1")
            self.ledger.archive = self.archive.name
            self.store.append([self.ledger.since()])
        leaving = families.by_age(self.ledger)[:count]
        batches = self.archive.put([row for one in leaving for row in _rows(one)], KEEP_ALL)
        self.after_commit()
        self.ledger.archive_batches = batches
        for family in leaving:
            for thing in family:
                self.ledger.recalled.pop(families.id_of(thing), None)
                self.ledger.drop(thing)

    def write_anew(self):
        self.store.compact(self.ledger.snapshot())

    def close(self):
        if self.archive is not None:
            self.archive.close()


def tell(life, leave=Life.leave):
    """The story."""
    life.sell(4)
    leave(life, 3)
    life.write_anew()
    life.sell(2)
    life.refund("P1")
    life.refund("P4")
    leave(life, 4)
    life.refund("P1")
    life.write_anew()
    life.sell(1)
    leave(life, 2)
    life.refund("P0")
    life.write_anew()


def told_until(cut_at, folder, leave=Life.leave):
    """A life that loses power at that operation; None when the story ends before it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    life = Life(open_device(SIZE, cut_at=cut_at), folder)
    try:
        tell(life, leave)
    except PowerCut:
        return life
    life.close()
    return None


def money(device, folder):
    """What the next life finds: all payments, each once, in memory or in the archive."""
    life = Life(device, folder)
    ledger = life.ledger
    found = {one.payment: ledger.refunded_minor(one) for one in ledger.payments.values()}
    assert all(one.state == payments.PAID for one in ledger.payments.values())
    if (folder / "archive").exists():
        known = (ledger.archive, ledger.archive_batches)
        life.archive = open_archive(str(folder), *known, "n2")
        old = Ledger()
        aside = list(families.families(ledger))
        for one in life.archive.page("payment", 1 << 40, 100, {}, aside):
            Past._replay(old, one)
        life.close()
        assert not set(old.payments) & set(found)
        found.update({one.payment: old.refunded_minor(one) for one in old.payments.values()})
    return found


def copied(folder, to):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to)
    return to


def ways(device):
    size = device.last_write_size()
    return ["none", "all", *(f"torn:{at}" for at in {1, size // 2, size - 1} if at > 0)]


def weather(tmp_path, leave=Life.leave):
    """Every cut in every way; what was wrong, and how many states were looked at."""
    states, wrong = 0, []
    for cut_at in range(FIRST_OPERATION, 1000):
        life = told_until(cut_at, tmp_path / "state", leave)
        if life is None:
            break
        for way in ways(life.device):
            folder = copied(tmp_path / "state", tmp_path / "copy")
            found = money(life.device.after_cut(way), folder)
            states += 1
            if found not in (life.sure, life.maybe):
                wrong.append((cut_at, way, found, life.sure))
        life.close()
    return states, wrong


def test_a_cut_at_any_operation_of_the_journal_loses_nothing_and_doubles_nothing(tmp_path):
    states, wrong = weather(tmp_path)
    assert states > 150
    assert wrong == []


def test_a_cut_in_the_middle_of_the_archives_commit_loses_nothing(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    life = Life(open_device(SIZE), folder)
    looked = []

    def torn():
        log = folder / "archive-wal"
        size = log.stat().st_size
        for tear in range(TEARS + 1):
            copy = copied(folder, tmp_path / "copy")
            os.truncate(copy / "archive-wal", size * tear // TEARS)
            looked.append(money(life.device.after_cut("none"), copy) == life.sure)

    life.after_commit = torn
    life.sell(4)
    life.leave(3)  # the first batch: before it nothing was in the archive alone
    life.close()
    assert looked == [True] * (TEARS + 1)


def leave_too_soon(life, count):
    """Known to be bad: the journal is written anew before the archive has them."""
    if life.archive is None:
        life.archive = open_archive(str(life.folder), "", 0, "n1")
    leaving = families.by_age(life.ledger)[:count]
    rows = [row for one in leaving for row in _rows(one)]
    for family in leaving:
        for thing in family:
            life.ledger.drop(thing)
    life.write_anew()
    life.archive.put(rows, KEEP_ALL)


@pytest.mark.parametrize("bad", [leave_too_soon])
def test_the_harness_catches_what_leaves_too_soon(tmp_path, bad):
    _, wrong = weather(tmp_path, bad)
    assert wrong

"""Power in every weather: one story of a store, cut at every point, in every way.

A story is a row of steps (append, mark, compact).  It is run by the production Store and codec on
the dummy storage, which loses power at one operation; what can then be left on flash is
enumerated; from each of these states the production recovery must find one of the lists that the
ledger allows at that instant: everything acknowledged, in order, and of what was under way all or
nothing (I20).  The same is done again with a second cut, during that recovery or behind it (I23).
"""

import pathlib
import random
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgpack

import tilld_core.journal
import tilld_core.journal_reader
import tilld_daemon.store
from tilld_core.journal import DAMAGED
from tilld_daemon.store import Store
from tilld_hal.drivers.storage_dummy import DummyStorage, PowerCut, open_device
from tilld_hal.errors import StorageFault

Records = list[Any]
Build = Callable[[DummyStorage], Any]

SIZE = 2 * 5 * 4096  # bytes of storage: four pages for frames in each segment
BYTEWISE_MAX = 700  # a longer write is torn at fewer places
SUBSETS_MAX = 5  # up to so many unflushed sectors every subset is tried
SUBSETS = 24  # of more, so many
RECORDS_MAX = 1950  # text in one batch, so that it fits a frame


@dataclass
class Step:
    """``verb`` is "append", "mark" or "compact"; the last one takes no records."""

    verb: str
    records: Records = field(default_factory=list)


@dataclass
class Ledger:
    """What is acknowledged, what is marked, and every list that a cut now may leave."""

    sure: Records = field(default_factory=list)
    marked: Records = field(default_factory=list)
    allowed: list[Records] = field(default_factory=lambda: [[]])
    history: list[Records] = field(default_factory=lambda: [[]])

    def may_become(self, records: Records) -> None:
        self.allowed.append(records)
        self.history.append(records)

    def is_now(self, records: Records) -> None:
        self.sure, self.marked = records, []
        self.allowed = [records]
        self.history.append(records)


@dataclass
class Report:
    """How many states were looked at and what was wrong in the first few bad ones."""

    states: int = 0
    wrong: list[str] = field(default_factory=list)

    def judge(self, label: str, complaint: str) -> None:
        self.states += 1
        if complaint and len(self.wrong) < 10:
            self.wrong.append(f"{label}: {complaint}")


def build(device: DummyStorage) -> Store:
    """The production Store, with fixed salts so that a state can be met again."""
    dice = random.Random(device.read(0, 0, 64) + device.read(1, 0, 64))
    return Store(device, unpack=msgpack.unpackb, random_bytes=dice.randbytes)


def mutant(module: types.ModuleType, old: str, new: str, **given: Any) -> types.ModuleType:
    """A module of its own, made from a production module's source with one place changed.

    ``given`` names are there before its first line runs.
    """
    source = pathlib.Path(str(module.__file__)).read_text()
    if source.count(old) != 1:
        raise ValueError(f"{module.__name__} holds {old!r} {source.count(old)} times")
    changed = types.ModuleType(module.__name__ + "_mutant")
    changed.__dict__.update(given)
    exec(compile(source.replace(old, new), changed.__name__, "exec"), changed.__dict__)
    return changed


def mutant_of_store(old: str, new: str) -> Build:
    """Builds a Store whose own source is changed."""
    store = mutant(tilld_daemon.store, old, new)
    return lambda device: store.Store(device, unpack=msgpack.unpackb)


def mutant_of_journal(old: str, new: str) -> Build:
    """Builds a Store over a codec whose source is changed, as it writes and as it reads."""
    codec = mutant(tilld_core.journal, old, new)
    imported = "from tilld_core.journal import ("
    return _over(codec, mutant(tilld_core.journal_reader, imported, "_ = (", **vars(codec)))


def mutant_of_reader(old: str, new: str) -> Build:
    """Builds a Store over a codec that writes as it should and reads otherwise."""
    return _over(tilld_core.journal, mutant(tilld_core.journal_reader, old, new))


def _over(codec: types.ModuleType, reader: types.ModuleType) -> Build:
    imported = "from tilld_core import journal, journal_reader, packing\n"
    rest = "from tilld_core import packing\n"
    store = mutant(tilld_daemon.store, imported, rest, journal=codec, journal_reader=reader)
    return lambda device: store.Store(device, unpack=msgpack.unpackb)


SMALL = (5, 40, 90, 380)
LARGE = (0, 3, 60, 300, 700, 1000, 1340, 1360, 1700, 1950)  # up to frames that fill half a page


def story(
    seed: int, steps: int, compact_at: tuple[int, ...] = (), sizes: tuple[int, ...] = SMALL
) -> list[Step]:
    """Batches of one to three records, marks in between, from one seed.

    All texts are of one letter, so that two records often have equal sectors.
    """
    dice = random.Random(seed)
    told = []
    for number in range(steps):
        if number in compact_at:
            told.append(Step("compact"))
        verb = "mark" if dice.random() < 0.3 else "append"
        lengths = [dice.choice(sizes) for _ in range(dice.choice((1, 1, 1, 2, 3)))]
        if sum(lengths) > RECORDS_MAX:
            lengths = lengths[:1]
        records = [{"n": 10 * number + at, "k": "x" * size} for at, size in enumerate(lengths)]
        told.append(Step(verb, records))
    return told


def live_of(records: Records) -> Records:
    """What a compaction keeps: every second record, and word of the others."""
    return [{"dropped": len(records) // 2}, *records[1::2]]


def walk(store: Any, ledger: Ledger, steps: list[Step]) -> None:
    """Takes the steps; the ledger is right at every instant, so a cut may come anywhere."""
    for step in steps:
        after = ledger.sure + ledger.marked + step.records
        if step.verb == "append":
            ledger.may_become(after)
            store.append(step.records)
            ledger.is_now(after)
        elif step.verb == "mark":
            ledger.may_become(after)
            store.mark(step.records)
            ledger.marked = ledger.marked + step.records
        else:
            live = live_of(ledger.sure + ledger.marked)
            ledger.may_become(live)
            store.compact(live)
            ledger.is_now(live)


def live_through(
    device: DummyStorage, ledger: Ledger, steps: list[Step], make: Build = build
) -> bool:
    """Recovers and takes the steps; False when the power went on the way."""
    try:
        store = make(device)
        found = store.recover()
        ledger.is_now(found.records)
        walk(store, ledger, steps)
    except PowerCut:
        return False
    return True


def cuts(steps: list[Step], make: Build = build) -> Iterator[tuple[int, DummyStorage, Ledger]]:
    """The device and the ledger at a cut during each operation of the story in turn."""
    operation = 0
    while True:
        operation += 1
        device, ledger = open_device(SIZE, cut_at=operation), Ledger()
        if live_through(device, ledger, steps, make):
            return
        yield operation, device, ledger


def every_way(device: DummyStorage) -> Iterator[str]:
    """All that a cut may leave: nothing, all, torn at each byte, subsets of sectors."""
    yield "none"
    yield "all"
    size = device.last_write_size()
    stride = 1 if size <= BYTEWISE_MAX else size // 200
    for at in range(1, size, stride):
        yield f"torn:{at}"
    for at in range(1, size, 16 * stride):
        yield f"tail:{at}"
    yield from _subsets(device, SUBSETS_MAX, SUBSETS)


def few_ways(device: DummyStorage) -> Iterator[str]:
    """A handful of the same, for the second of two cuts."""
    yield "none"
    yield "all"
    size = device.last_write_size()
    for at in (size // 4, size // 2, size - 1):
        yield f"torn:{at}"
    yield from _subsets(device, 2, 3)


def _subsets(device: DummyStorage, all_up_to: int, of_more: int) -> Iterator[str]:
    sectors = len(device.unflushed_sectors())
    if sectors <= all_up_to:
        for mask in range(1, (1 << sectors) - 1):
            yield f"sectors:{mask}"
        return
    dice = random.Random(sectors)
    for _ in range(of_more):
        yield f"sectors:{dice.getrandbits(sectors)}"


def complaint(device: DummyStorage, allowed: list[Records], make: Build = build) -> str:
    """What is wrong with what recovery finds; "" if nothing is."""
    try:
        found = make(device).recover()
    except (ValueError, KeyError, TypeError) as error:
        return f"recovery broke: {error!r}"
    if found.verdict == DAMAGED:
        return f"power alone looks like damage: {found.damage}"
    if found.records not in allowed:
        return f"{len(found.records)} records found, allowed {[len(one) for one in allowed]}"
    return ""


def one_cut(steps: list[Step], make: Build = build) -> Report:
    """Every cut of the story, in every way."""
    report = Report()
    for operation, device, ledger in cuts(steps, make):
        for keeps in every_way(device):
            wrong = complaint(device.after_cut(keeps), ledger.allowed, make)
            report.judge(f"cut {operation} {keeps}", wrong)
    return report


def two_cuts(steps: list[Step], then: list[Step], make: Build = build) -> Report:
    """Every cut of the story, then every cut of the recovery and of what follows it."""
    report = Report()
    for operation, device, ledger in cuts(steps, make):
        for keeps in few_ways(device):
            again = 0
            while True:
                again += 1
                second = device.after_cut(keeps, cut_at=again)
                after = Ledger(allowed=list(ledger.allowed))
                if live_through(second, after, then, make):
                    break
                label = f"cut {operation} {keeps}, then {again}"
                _judge_second(report, label, second, after, make)
    return report


def _judge_second(
    report: Report, label: str, device: DummyStorage, ledger: Ledger, make: Build
) -> None:
    for keeps in few_ways(device):
        wrong = complaint(device.after_cut(keeps), ledger.allowed, make)
        report.judge(f"{label} {keeps}", wrong)


def deaths(steps: list[Step]) -> Report:
    """The process dies at every operation and the power stays: marked records survive as well."""
    report = Report()
    for operation, device, ledger in cuts(steps):
        allowed = [ledger.sure + ledger.marked, ledger.allowed[-1]]
        report.judge(f"death {operation}", complaint(device.after_restart(), allowed))
    return report


def errors(steps: list[Step], fails_with: str, make: Build = build) -> Report:
    """Every operation fails once; the next process recovers; then the power takes all that was
    not flushed.  What that process was told by recovery must still be there (I21)."""
    report = Report()
    for operation in range(1, 1000):
        device, ledger = open_device(SIZE, fail_at=operation, fails_with=fails_with), Ledger()
        try:
            live_through(device, ledger, steps, make)
            break
        except StorageFault:
            restarted = device.after_restart()
        label = f"{fails_with} at {operation}"
        wrong = complaint(restarted, ledger.allowed, make)
        report.judge(label, wrong)
        told = make(restarted.after_restart()).recover().records
        report.judge(label + ", then dark", complaint(restarted.after_cut("none"), [told], make))
    return report


def lying(steps: list[Step], then: list[Step]) -> Report:
    """A device that answers flushes and does nothing: records may be lost, but what is found is a
    state that once was, or the damage is reported."""
    report = Report()
    honest, ledger = open_device(SIZE), Ledger()
    live_through(honest, ledger, steps)
    for operation in range(1, 1000):
        device = honest.after_cut("all", cut_at=operation, lies=True)
        after = Ledger(history=[ledger.sure, ledger.sure + ledger.marked])
        if live_through(device, after, then):
            break
        for keeps in _subsets(device, SUBSETS_MAX, 4 * SUBSETS):
            found = build(device.after_cut(keeps)).recover()
            known = found.verdict == DAMAGED or found.records in after.history
            report.judge(f"lying {operation} {keeps}", "" if known else "a state that never was")
    return report


def flips(steps: list[Step], segment: int, spans: list[range]) -> Report:
    """Every single bit of the bytes named, flipped: found whole, or reported as damage; in the
    last frame and its copy always found whole."""
    report = Report()
    device, ledger = open_device(SIZE), Ledger()
    store = build(device)
    store.recover()
    walk(store, ledger, steps[:-1])
    last_from = store.used_bytes
    walk(store, ledger, steps[-1:])
    last_to = 2 * store.used_bytes - last_from if steps[-1].verb == "append" else last_from
    for span in spans:
        for byte in span:
            for bit in range(8):
                found = build(device.with_bit_flipped(segment, 8 * byte + bit)).recover()
                wrong = _flip_complaint(found, ledger.sure)
                if last_from <= byte < last_to and found.verdict == DAMAGED:
                    wrong = "the last frame was not read from its copy"
                report.judge(f"byte {byte} bit {bit}", wrong)
    return report


def _flip_complaint(found: Any, sure: Records) -> str:
    if found.verdict != DAMAGED:
        return "" if found.records == sure else "other records and no word of damage"
    if found.records != sure[: len(found.records)]:
        return "the records before the damage are not the first ones"
    if [one for one in sure if one in found.salvaged] != found.salvaged:
        return "salvaged what never was"
    return ""

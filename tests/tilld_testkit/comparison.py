"""What the till was told, what the journal holds and what Antom did, laid side by side (I7).

Each function returns sentences about what does not fit; an empty list means that the three
agree. The journal is read from a copy, so that looking repairs nothing.
"""

from __future__ import annotations

import collections
import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilld_core import payment as payments
from tilld_core.families import families
from tilld_core.ledger import Ledger
from tilld_daemon.archive import open_archive
from tilld_daemon.store import Store
from tilld_hal import catalogue

if TYPE_CHECKING:
    from tilld_testkit.antomsim_process import Simulator
    from tilld_testkit.shop import Terminal

Json = dict[str, Any]

JOURNAL_BYTES = 4194304  # as the testkit's shop makes it


def journal_of(terminal: Terminal) -> Ledger:
    """What a next life would find on flash; the terminal's process is dead."""
    ledger = Ledger()
    journal = terminal.folder / "state" / "journal"
    if not journal.exists():  # it died before it had one
        return ledger
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(journal, Path(folder, "journal"))
        storage = catalogue.open_driver(
            "storage", "linux-file", {"path": folder, "size": JOURNAL_BYTES}
        )
        try:
            found = Store(storage).recover()
        finally:
            storage.close()
    for entry in found.records:
        ledger.replay(entry)
    _add_archived(ledger, journal.parent)
    return ledger


def _add_archived(ledger: Ledger, state: Path) -> None:
    """What has left the journal for the archive."""
    if not (state / "archive").exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        for file in state.glob("archive*"):
            shutil.copy(file, folder)
        archive = open_archive(folder, ledger.archive, ledger.archive_batches, "")
        try:
            found = archive.page("payment", 1 << 60, 1 << 20, {}, list(families(ledger)))
        finally:
            archive.close()
    for one in found:
        for entry in one.entries:
            ledger.replay(entry)


def at_rest(told: Json, simulator: Simulator) -> list[str]:
    """What is wrong between a settled payment, as the till knows it, and Antom."""
    held = simulator.payment(told["payment"])
    owed = held["debited"] - held["returned"] if held else 0
    wrong = []
    if not (told["decided"] and told["settled"]):
        wrong.append(f"not at rest: {told['state']}")
    if told["outcome"] == "paid" and owed != told["amount"]["value"]:
        wrong.append(f"told paid, and the customer is out of pocket by {owed}")
    if told["outcome"] == "not_paid" and owed:
        wrong.append(f"told not paid ({told['state']}), and the customer misses {owed}")
    if held and held["debited"] not in (0, told["amount"]["value"]):
        wrong.append(f"debited {held['debited']} for {told['amount']['value']}")
    return wrong + on_the_wire(told["payment"], simulator)


def on_the_wire(request_id: str, simulator: Simulator) -> list[str]:
    """One `pay` body an id, and every repeat of a cancel with the same bytes (I11, I14, I37)."""
    log = simulator.control_by_socket("GET", f"/_sim/log?payment={request_id}")["requests"]
    bodies = collections.defaultdict(list)
    for request in log:
        bodies[request["api"]].append(request.get("body", ""))
    wrong = []
    if len(bodies["pay"]) > 1:
        wrong.append(f"{len(bodies['pay'])} bodies of pay")
    for api in ("cancel", "inquiryPayment"):
        if len(set(bodies[api])) > 1:
            wrong.append(f"{api} was repeated with other bytes")
    return wrong


def in_history(history: list[Json]) -> list[str]:
    """What a till may never see from one answer to the next (I3, I5)."""
    wrong = []
    for before, after in itertools.pairwise(history):
        if before["decided"] and after["outcome"] != before["outcome"]:
            wrong.append(f"{before['outcome']} became {after['outcome']}")
        if before["decided"] and not after["decided"]:
            wrong.append(f"{before['state']} became undecided: {after['state']}")
    return wrong


def on_flash(told: Json, ledger: Ledger) -> list[str]:
    """What a till was told and the journal does not bear out (I4, I5, I20)."""
    known = ledger.payments.get(told["payment"])
    if known is None:
        return [f"told of {told['state']}, and the journal does not know it"]
    if told["outcome"] == "paid" and known.state != payments.PAID:
        return [f"told paid, and the journal says {known.state}"]
    undecided = known.state in (*payments.UNDECIDED, payments.PAID)
    if told["outcome"] == "not_paid" and undecided:
        return [f"told not paid, and the journal says {known.state}"]
    return []

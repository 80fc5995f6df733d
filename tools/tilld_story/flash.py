"""Reads the journal file as the next start of tilld would, and changes nothing in it."""

from pathlib import Path
from typing import Any

from tilld_core import journal
from tilld_core.journal_reader import Reader
from tilld_hal.storage import PAGE, SEGMENTS


def kinds_about(payment: str, file: Path) -> list[str]:
    """What is recorded of a payment, oldest first: "intent", "cancel", "queued", …"""
    return [entry[0] for entry in _entries(file) if entry[1] == payment]


def _entries(file: Path) -> list[Any]:
    data = file.read_bytes()
    size = len(data) // SEGMENTS
    segments = [data[at : at + size] for at in range(0, len(data), size)]
    heads = [journal.read_head(segment[:PAGE]) for segment in segments]
    found = [(head, segment) for head, segment in zip(heads, segments, strict=True) if head]
    head, segment = max(found, key=lambda each: each[0].generation)
    reader = Reader(head)
    for at in range(PAGE, size, PAGE):
        reader.take(segment[at : at + PAGE])
    read = reader.end()
    return [*read.records, *read.marked]

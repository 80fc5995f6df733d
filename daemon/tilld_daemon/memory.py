"""Gives back memory that only loading needed.

A start runs through most of its libraries once and then uses a part of them. Their pages are
clean copies of files: dropping them loses nothing, and what is used again comes back from the
system's cache in microseconds. On a small terminal that is the difference between 42 and 30 MiB.
"""

from __future__ import annotations

import gc
import logging
import re
import time

log = logging.getLogger("tilld")

_MADV_DONTNEED = 4
# A library that another thread is just loading is clean too, until its addresses are filled in, and
# must not be touched then. Loading takes milliseconds: what was there so long before is loaded.
SETTLED_AFTER_S = 1.0
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ +(/.*)?")


class _Look:
    """What was clean at a time."""

    def __init__(self) -> None:
        self.at_s = float("-inf")
        self.pages: set[tuple[int, int]] = set()

    def settled(self, pages: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those that were clean at the look before, too; this look is the next one's."""
        now_s = time.monotonic()
        if now_s - self.at_s < SETTLED_AFTER_S:
            return []
        stayed = [page for page in pages if page in self.pages]
        self.at_s, self.pages = now_s, set(pages)
        return stayed


_look = _Look()


def give_back() -> None:
    """Takes some ten milliseconds and any thread; a system that can't do it is left as it is. The
    first call of a life only looks."""
    import ctypes

    system = ctypes.CDLL(None)
    try:
        with open("/proc/self/smaps") as mappings:
            pages = _clean(mappings.read())
    except OSError as error:
        log.info("no memory is given back: %s", error)
        return
    for start, size in _look.settled(pages):
        system.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_DONTNEED)
    trim()


def loaded() -> None:
    """Everything is loaded: what is there now stays, and no later collection looks at it again.
    What those look at is small then, so they come often and garbage has no time to spread."""
    gc.collect()
    gc.freeze()
    give_back()


def trim() -> None:
    """What was freed goes back to the system, where the C library can do that."""
    import ctypes

    gc.collect()
    system = ctypes.CDLL(None)
    if hasattr(system, "malloc_trim"):
        system.malloc_trim(0)


def _clean(smaps: str) -> list[tuple[int, int]]:
    """Start and size of what is mapped from files, can't be written, and was never changed:
    no page of it is our own ("Anonymous"), so each can be read from its file again."""
    found = []
    at: tuple[int, int] | None = None
    for line in smaps.splitlines():
        mapping = _MAPPING.fullmatch(line)
        if mapping is not None:
            start, end = int(mapping[1], 16), int(mapping[2], 16)
            at = (start, end - start) if mapping[4] and "w" not in mapping[3] else None
        elif at is not None and line.startswith("Anonymous:"):
            if line.split()[1] == "0":
                found.append(at)
            at = None
    return found

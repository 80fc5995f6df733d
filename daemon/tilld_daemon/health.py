"""Whether the terminal can take a payment now, and what stands in the way.

Every block is something that was observed: on the way to Antom, in the network, in a device.
What has not been observed yet is "unknown", and unknown is tried (till_socket.md §3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilld_core.messages import BLOCKS

if TYPE_CHECKING:
    from collections.abc import Callable

_SENTENCES = dict(BLOCKS)

# What was seen of the way so long ago says nothing of now (design.md §5: stale is a state). About
# as long as servers and address translators remember an idle connection.
STALE_AFTER_MS = 60_000


class Health:
    """``changed()`` is called when the list of blocks changes, or the answer to `ready` is another
    than was given last. That it went stale with time tells nobody: who wants to know, asks."""

    def __init__(self, now_ms: Callable[[], int], changed: Callable[[], None]) -> None:
        self._now_ms = now_ms
        self._changed = changed
        self._blocks: dict[str, str] = {}
        self._degraded: dict[str, str] = {}
        self._way_is_open = False
        self._report: dict[str, Any] | None = None  # as it stands, until something changes
        self._said = "unknown"  # the answer to `ready` that was given last
        self._looked_ms: int | None = None

    def ready(self) -> str:
        if self._blocks:
            return "no"
        is_fresh = self._way_is_open and self.way_looked_at_since(STALE_AFTER_MS)
        return "yes" if is_fresh else "unknown"

    def blocks(self, but: tuple[str, ...] = ()) -> list[dict[str, str]]:
        """What stands in the way, each ``{code, message}``, without the codes in ``but``."""
        return [
            {"code": code, "message": message}
            for code, message in sorted(self._blocks.items())
            if code not in but
        ]

    def degraded(self) -> list[dict[str, str]]:
        """What does not work and stops no payment."""
        return [{"code": code, "message": text} for code, text in sorted(self._degraded.items())]

    def block(self, code: str, why: str = "") -> None:
        """``why`` adds what was seen, in words for people."""
        self._set(self._blocks, code, _with_why(code, why))

    def unblock(self, code: str) -> None:
        self._clear(self._blocks, code)

    def degrade(self, code: str, message: str) -> None:
        self._set(self._degraded, code, message)

    def recover(self, code: str) -> None:
        self._clear(self._degraded, code)

    def way(self, obstacle: str) -> None:
        """A call upstream was answered ("") or could not be made."""
        was_closed = self.way_is_closed
        self._looked_ms = self._now_ms()
        self._way_is_open = not obstacle
        self._report = None
        if obstacle:
            self._blocks["no_gateway"] = _with_why("no_gateway", obstacle)
        else:
            self._blocks.pop("no_gateway", None)
        if self.ready() != self._said or self.way_is_closed != was_closed:
            self._tell()

    def doubt_way(self) -> None:
        """Something says that the way may be open no more: unknown, until it is looked at."""
        self._way_is_open = False
        self._report = None

    @property
    def way_blocks(self) -> bool:
        """No payment can leave now, so far as the network was observed."""
        return self.way_is_closed or "no_link" in self._blocks

    @property
    def way_is_closed(self) -> bool:
        """The last look at the way to Antom found something in it."""
        return "no_gateway" in self._blocks

    def way_looked_at_since(self, before_ms: int) -> bool:
        """Was the way to Antom observed within the last ``before_ms``?"""
        return self._looked_ms is not None and self._now_ms() - self._looked_ms <= before_ms

    def report(self) -> dict[str, Any]:
        """``ready``, ``blocks`` and ``degraded``; whoever gets it changes nothing in it."""
        ready = self._said = self.ready()
        if self._report is None or self._report["ready"] != ready:
            blocks, degraded = self.blocks(), self.degraded()
            self._report = {"ready": ready, "blocks": blocks, "degraded": degraded}
        return self._report

    def _tell(self) -> None:
        self._said = self.ready()
        self._changed()

    def _set(self, where: dict[str, str], code: str, message: str) -> None:
        new = code not in where
        where[code] = message
        self._report = None
        if new:
            self._tell()

    def _clear(self, where: dict[str, str], code: str) -> None:
        if where.pop(code, None) is not None:
            self._report = None
            self._tell()


def _with_why(code: str, why: str) -> str:
    return f"{_SENTENCES[code]} ({why})" if why else _SENTENCES[code]

"""What the printer says of itself becomes health, also while nobody prints.

A printer is asked, not listened to: a status that it sends by itself looks like answers to other
questions, and its silence would look like good news. So it is asked now and then while it is idle,
more often while something is wrong, so that a cashier who has put in paper sees it accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from tilld_hal.errors import HalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tilld_daemon.health import Health
    from tilld_hal.printer import PrinterStatus

log = logging.getLogger("tilld.printer")

ASK_EVERY_S = 30.0
ASK_AGAIN_S = 3.0  # while something is wrong

SENTENCES = {
    "printer_silent": "The printer does not answer: look whether it is switched on, and look at "
    "the paper after each job.",
    "paper_low": "The printer's paper will end soon: have a new roll ready.",
    "paper_out": "The printer has no paper: put in a new roll.",
    "cover_open": "The printer's cover is open: close it.",
    "printer_error": "The printer reports an error: look for jammed paper, then switch it off and "
    "on again.",
    "printer_offline": "The printer is offline.",
}


class PrinterWatch:
    """``seen`` and ``lost`` are told of every look at the printer, whoever took it.

    ``answers``: the printer is one that can be asked (its setting ``status``).
    """

    def __init__(self, health: Health, answers: bool) -> None:
        self._health = health
        self._answers = answers
        self.is_there = "unknown"
        self._news = asyncio.Event()

    async def run(self, look: Callable[[], Awaitable[object]]) -> None:
        """Asks for ever; ``look`` raises HalError when the printer can't be used."""
        while True:
            try:
                await look()
            except HalError as error:
                log.info("printer: %s", error.reason)
            await self._pause()

    async def _pause(self) -> None:
        """Until the next look is due; trouble that somebody else sees meanwhile hastens it."""
        now = asyncio.get_running_loop().time
        began = now()
        while (left_s := began + self._every_s() - now()) > 0:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._news.wait()

    def _every_s(self) -> float:
        well = self.is_there == "yes" or not self._answers
        return ASK_EVERY_S if well else ASK_AGAIN_S

    def seen(self, status: PrinterStatus) -> None:
        """The printer is there and has said this, or nothing."""
        self._is(status.online)
        self._health.recover("printer")
        self._say(troubles(status) if self._answers else ())

    def lost(self, why_not: str) -> None:
        """It can't be used; what it said before is no news any more."""
        self._is("no")
        self._say(())
        self._health.degrade("printer", f"The printer can't be used ({why_not}).")

    def _is(self, there: str) -> None:
        if there != self.is_there:
            self.is_there = there
            self._news.set()

    def _say(self, codes: tuple[str, ...]) -> None:
        for code, sentence in SENTENCES.items():
            if code in codes:
                self._health.degrade(code, sentence)
            else:
                self._health.recover(code)


def troubles(status: PrinterStatus) -> tuple[str, ...]:
    """The codes of `degraded` that a status stands for; the cause, not its consequence."""
    if status.online == "unknown":
        return ("printer_silent",)
    found = []
    if status.paper == "no":
        found.append("paper_out")
    elif status.paper_near_end == "yes":
        found.append("paper_low")
    if status.cover_closed == "no":
        found.append("cover_open")
    if status.error == "yes":
        found.append("printer_error")
    stopped = [code for code in found if code != "paper_low"]
    return tuple(found) if stopped or status.online == "yes" else (*found, "printer_offline")

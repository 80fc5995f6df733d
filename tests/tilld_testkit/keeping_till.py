"""A till that follows the contract through every restart of the terminal.

It keeps a key before it uses it, repeats a call that was lost with the same key, and asks in the
end for every key that is not finished. Now and then it cancels, or forgets what it began.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

from tilld_client import CallError, Lost, Till
from tilld_testkit.shop import new_key, settled

if TYPE_CHECKING:
    from tilld_testkit.antomsim_process import Simulator
    from tilld_testkit.shop import Terminal

Json = dict[str, Any]

PATIENCE_S = 60.0


class Lives:
    """Counts the terminal's lives, so that a till that lost one waits for the next."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.number = 0

    def begin(self) -> None:
        """The terminal answers again."""
        with self._changed:
            self.number += 1
            self._changed.notify_all()

    def wait_after(self, number: int) -> None:
        """Returns in a life later than that; TimeoutError when none comes."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.number > number, PATIENCE_S):
                raise TimeoutError(f"no life after {number}")


class KeepingTill(threading.Thread):
    """Sells until ``stop``; ``told`` holds, by key, every view it was given, oldest first."""

    def __init__(
        self,
        terminal: Terminal,
        simulator: Simulator,
        seed: int,
        lives: Lives,
        stop: threading.Event,
    ) -> None:
        super().__init__(daemon=True)
        self.told: dict[str, list[Json]] = {}
        self.error: BaseException | None = None
        self._till = Till(str(terminal.socket_path), f"till {seed}", patience_s=0)
        self._lives = lives
        self._simulator = simulator
        self._chance = random.Random(seed)
        self._stopping = stop

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._sell()
            for key in self.told:
                self._finish(key)
        except Exception as error:  # noqa: BLE001 - the test that waits for this thread raises it
            self.error = error
        finally:
            self._till.close()

    def _sell(self) -> None:
        key = new_key()
        self.told[key] = []
        value = self._chance.randrange(1, 9000)
        code = self._simulator.fresh_code()
        amount = {"currency": "EUR", "value": value}
        order = {"order_ref": f"order {key}", "amount": amount, "code": code}
        self.told[key].append(self._call("payment.start", key=key, **order))
        whim = self._chance.random()
        if whim < 0.15:
            self._note(key, "payment.cancel")
        elif whim < 0.9:
            self._note(key, "payment.wait", timeout_s=20)
            self._answer(key)

    def _call(self, method: str, **params: object) -> Json:
        """Repeated, with the same params, in the next life if this one was lost."""
        while True:
            life = self._lives.number
            try:
                return self._till.call(method, **params)
            except Lost:
                self._lives.wait_after(life)

    def _answer(self, key: str) -> None:
        """An approval is acknowledged; it may have become something else by then."""
        if self.told[key][-1]["state"] == "approved":
            self._note(key, "payment.acknowledge")

    def _note(self, key: str, method: str, **more: object) -> None:
        """What must not be refused: a key that was told of never vanishes."""
        try:
            self.told[key].append(self._call(method, key=key, **more))
        except CallError as error:
            if error.code not in ("already_paid", "not_approved"):
                raise

    def _finish(self, key: str) -> None:
        try:
            self.told[key].append(self._call("payment.get", key=key))
        except CallError as error:
            if error.code != "not_found" or self.told[key]:
                raise
            return  # its start never reached the flash, so nothing was sent
        if not self.told[key][-1]["decided"]:
            self._note(key, "payment.wait", timeout_s=20)
            self._answer(key)
        self.told[key].append(settled(self._till, self.told[key][-1]))

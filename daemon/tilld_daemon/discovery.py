"""The network's side of the daemon: link and route, who says to be a gateway, what we say.

All of it only wakes: a carrier, a route, another address or a gateway's announcement make the way
to Antom be looked at now, and what is owed leaves when it is open. The timers run all the same.
Nothing is learnt from an announcement but that it is time to look: whom we speak to is set in
tilld.toml and proved by certificates, so a lie costs a few connections and no request (design.md
§6).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

from tilld_daemon.way import ANNOUNCED_QUICK_FOR_S
from tilld_hal import catalogue
from tilld_hal.errors import HalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tilld_daemon.health import Health
    from tilld_daemon.settings import Device
    from tilld_daemon.way import Way
    from tilld_hal.network import Announcement, Network, NetworkState

log = logging.getLogger("tilld.network")

# Anybody on the local network can announce anything as often as he likes: he is heeded at once,
# and then so often (the first pause between two cancels, rules.md §2).
HEED_EVERY_S = 5.0


class Discovery:
    """One thread watches; everything else happens in the event loop.

    ``facts()`` is what the device says of itself, ``owes()`` whatever is owed upstream, ``now()``
    the time as tills read it.
    """

    def __init__(
        self,
        device: Device,
        health: Health,
        way: Way,
        facts: Callable[[], Announcement],
        owes: Callable[[], object],
        now: Callable[[], str],
        bug: Callable[[BaseException], None],
    ) -> None:
        self._device = device
        self._health = health
        self._way = way
        self._facts = facts
        self._owes = owes
        self._now = now
        self._bug = bug
        self._loop = asyncio.get_running_loop()
        self._leaving = False
        self._network: Network | None = None
        self._state: NetworkState | None = None
        self._since: dict[str, str] = {}
        self._warned_of: set[str] = set()  # the system's own words, of which there are few
        self._heeded_s = -HEED_EVERY_S
        self._heeding: asyncio.TimerHandle | None = None

    def start(self) -> None:
        threading.Thread(target=self._watch, name="network", daemon=True).start()

    def close(self) -> None:
        """Takes leave of the local network."""
        self._leaving = True
        if self._network is not None:
            self._network.close()

    def announce(self) -> None:
        """What is announced has changed: it is said anew, at the network's own pace."""
        if self._network is not None:
            self._network.announce(self._facts())

    @property
    def network_is(self) -> str:
        """Whether the network is watched: "yes", or "unknown"."""
        return "yes" if self._state is not None else "unknown"

    def seen(self) -> dict[str, Any]:
        """For `device.health`: what has been observed, and nothing that could be trusted."""
        state = self._state
        if state is None:
            return {"link": "unknown", "route": "unknown", "gateways": []}
        seen = {
            "link": state.link,
            "route": state.route,
            "gateways": [
                {
                    "name": one.name,
                    "host": one.host,
                    "port": one.port,
                    "id": one.id,
                    "since": self._since[one.name],
                }
                for one in state.gateways
            ],
        }
        return {**seen, "trouble": state.trouble} if state.trouble else seen

    # In the thread.

    def _watch(self) -> None:
        try:
            network = catalogue.open_driver("network", self._device.driver, self._device.settings)
            self._say(self._opened, network)
            self._say(self._network_is, network.state())
            while True:
                state = network.watch(None)
                if state is not None:
                    self._say(self._network_is, state)
        except HalError as error:
            if not self._leaving:
                self._say(self._lost, error.reason)
        except Exception as error:  # noqa: BLE001 - a driver's bug is one of the process
            self._say(self._bug, error)

    def _say(self, whom: Callable[[Any], object], what: object) -> None:
        try:
            self._loop.call_soon_threadsafe(whom, what)
        except RuntimeError:  # the loop has ended, and with it whoever could hear
            log.debug("the network says something at the very end")

    # In the loop.

    def _opened(self, network: Network) -> None:
        self._network = network
        self.announce()

    def _lost(self, why: str) -> None:
        log.warning("network: %s", why)
        self._network = None
        self._state = None  # what was seen last is no observation any more
        self._health.unblock("no_link")

    def _network_is(self, state: NetworkState) -> None:
        before, self._state = self._state, state
        names = [one.name for one in state.gateways]
        self._since = {name: self._since.get(name) or self._now() for name in names}
        if state.trouble and not (before and before.trouble):
            self._warn_of(state.trouble)
        if state.link == "no":
            self._health.block("no_link")
            return
        self._health.unblock("no_link")
        if before is None:
            return
        if _ways(state) != _ways(before):
            self._way.news()
        if state.heard != before.heard and self._heeding is None:
            at_s = max(self._loop.time(), self._heeded_s + HEED_EVERY_S)
            self._heeding = self._loop.call_at(at_s, self._heed)

    def _warn_of(self, trouble: str) -> None:
        """Once for each trouble: it is tried again with every cable that is plugged in, and a bad
        cable must not fill the log."""
        if trouble not in self._warned_of:
            self._warned_of.add(trouble)
            log.warning("nothing is announced or discovered: %s", trouble)

    def _heed(self) -> None:
        """A gateway says that it is there."""
        self._heeding = None
        self._heeded_s = self._loop.time()
        if self._owes() or self._health.way_is_closed:
            log.info("a gateway announces itself: the way is looked at")
            self._way.news(ANNOUNCED_QUICK_FOR_S)


class Owed:
    """Hears of `queue.changed` as a till would, and has it announced."""

    is_open = True
    is_full = False

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    def tell(self, event: dict[str, Any]) -> None:
        self._discovery.announce()


def _ways(state: NetworkState) -> tuple[str, str, int]:
    return state.link, state.route, state.changes

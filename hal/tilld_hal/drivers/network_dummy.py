"""A network without hardware: link and route are what the script says."""

from tilld_hal.errors import Gone
from tilld_hal.inbox import Inbox
from tilld_hal.network import NO, UNKNOWN, YES, NetworkState

MATURITY = "bench"
SEEN_WITH = ()
ALLOWED = {"link": (YES, NO, UNKNOWN), "route": (YES, NO, UNKNOWN)}


def open_device(link: "str" = "yes", route: "str" = "yes") -> "DummyNetwork":
    """The state at opening; ``change`` scripts the rest."""
    return DummyNetwork(NetworkState(link, route))


class DummyNetwork:
    """``tilld_hal.network.Network``."""

    def __init__(self, state: NetworkState) -> None:
        self._state = state
        self._changes = Inbox()
        self._closed = False

    def change(self, link: str, route: str) -> None:
        """The cable or the router does something; the same state again is no change."""
        state = NetworkState(link, route)
        if state != self._state:
            self._state = state
            self._changes.put(state)

    def state(self) -> NetworkState:
        """What the script last said."""
        return self._state

    def watch(self, timeout_s: "float | None") -> "NetworkState | None":
        """Each scripted change in turn; see ``tilld_hal.network.Network``."""
        self._check()
        state: "NetworkState | None" = self._changes.take(timeout_s)
        self._check()
        return state

    def wake(self) -> None:
        """Ends a watch with None."""
        self._changes.wake()

    def close(self) -> None:
        """Watches end with ``Gone``."""
        self._closed = True
        self._changes.wake()

    def _check(self) -> None:
        if self._closed:
            raise Gone("the network is no longer watched")

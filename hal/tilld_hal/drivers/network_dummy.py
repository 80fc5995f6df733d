"""A network without hardware: link, route and gateways are what the script says."""

from tilld_hal.errors import Gone
from tilld_hal.inbox import Inbox
from tilld_hal.network import GATEWAYS_MAX, NO, UNKNOWN, YES, NetworkState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tilld_hal.network import Announcement, Sighting

MATURITY = "bench"
SEEN_WITH = ()
ALLOWED = {"link": (YES, NO, UNKNOWN), "route": (YES, NO, UNKNOWN)}


def open_device(link: "str" = "yes", route: "str" = "yes") -> "DummyNetwork":
    """The state at opening; ``change``, ``replug``, ``see`` and ``break_discovery`` script the
    rest."""
    return DummyNetwork(NetworkState(link, route))


class DummyNetwork:
    """``tilld_hal.network.Network``.  ``announced`` is what the device said of itself last."""

    def __init__(self, state: NetworkState) -> None:
        self.announced: "Announcement | None" = None
        self._state = state
        self._changes = Inbox()
        self._closed = False

    def change(self, link: str, route: str) -> None:
        """The cable or the router does something; the same state again is no change."""
        now = self._state
        self._become(NetworkState(link, route, now.changes, now.gateways, now.heard, now.trouble))

    def replug(self) -> None:
        """The cable comes back in another way: link and route read as before."""
        now = self._state
        self._become(
            NetworkState(now.link, now.route, now.changes + 1, now.gateways, now.heard, now.trouble)
        )

    def see(self, gateway: "Sighting") -> None:
        """A gateway announces itself, perhaps again."""
        now = self._state
        others = [one for one in now.gateways if one.name != gateway.name]
        seen = tuple((others + [gateway])[-GATEWAYS_MAX:])
        self._become(
            NetworkState(now.link, now.route, now.changes, seen, now.heard + 1, now.trouble)
        )

    def break_discovery(self, trouble: str) -> None:
        """Nothing is announced or heard any more, for this reason ("": it works again)."""
        now = self._state
        gateways = () if trouble else now.gateways
        self._become(NetworkState(now.link, now.route, now.changes, gateways, now.heard, trouble))

    def state(self) -> NetworkState:
        """What the script last said."""
        return self._state

    def watch(self, timeout_s: "float | None") -> "NetworkState | None":
        """Each scripted change in turn; see ``tilld_hal.network.Network``."""
        self._check()
        state: "NetworkState | None" = self._changes.take(timeout_s)
        self._check()
        return state

    def announce(self, facts: "Announcement") -> None:
        """Keeps it in ``announced``."""
        self.announced = facts

    def wake(self) -> None:
        """Ends a watch with None."""
        self._changes.wake()

    def close(self) -> None:
        """Watches end with ``Gone``."""
        self._closed = True
        self._changes.wake()

    def _become(self, state: NetworkState) -> None:
        if state != self._state:
            self._state = state
            self._changes.put(state)

    def _check(self) -> None:
        if self._closed:
            raise Gone("the network is no longer watched")

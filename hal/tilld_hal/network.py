"""The network as far as it can be seen from here: is there a link, is there a way out."""

from tilld_hal.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Network(Protocol):
        """One thread watches; ``state``, ``wake`` and ``close`` may come from any other."""

        def state(self) -> "NetworkState":
            """Asks the system now.  "unknown" when it does not say; never fails."""

        def watch(self, timeout_s: "float | None") -> "NetworkState | None":
            """Blocks until the state is another than ``watch`` last returned (at first: than at
            opening), and returns it.

            None at the timeout (None waits for ever) or after ``wake``.  It hastens what a timer
            does anyway (models.md, habit 8).  Raises ``Gone`` once closed.
            """

        def wake(self) -> None:
            """Ends a watch under way, or else the next one, with None.  Several count as one."""

        def close(self) -> None:
            """Stops watching; a watch under way ends with ``Gone``.  May be repeated."""


YES = "yes"
NO = "no"
UNKNOWN = "unknown"


class NetworkState(Record):
    """``link``: an interface has carrier.  ``route``: a packet to the upstream would leave.

    Each "yes", "no" or "unknown"; neither promises that anyone answers.
    """

    FIELDS = ("link", "route")

    def __init__(self, link: str, route: str) -> None:
        self.link = link
        self.route = route

"""The network as far as it can be seen from here: is there a link, is there a way out, and who
says on the local network that a gateway is there.

Nothing in here can be trusted. A link is no way, and an announcement may be late, old or a lie:
it may only hasten what a timer does anyway, and who is spoken to is decided by certificates
(design.md §6).
"""

from tilld_hal.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Network(Protocol):
        """One thread watches; the other methods may come from any other."""

        def state(self) -> "NetworkState":
            """Asks the system now.  "unknown" when it does not say; never fails."""

        def watch(self, timeout_s: "float | None") -> "NetworkState | None":
            """Blocks until the state is another than ``watch`` last returned (at first: than at
            opening), and returns it.

            None at the timeout (None waits for ever) or after ``wake``.  It hastens what a timer
            does anyway (models.md, habit 8).  Raises ``Gone`` once closed.
            """

        def announce(self, facts: "Announcement") -> None:
            """What the device says of itself on the local network from now on; the newest counts.

            Never fails and never waits.  A driver that can't announce, or was told not to, lets
            it be.  Changes may be told later than they come, so that a flurry is told once.
            """

        def wake(self) -> None:
            """Ends a watch under way, or else the next one, with None.  Several count as one."""

        def close(self) -> None:
            """Stops watching and announcing; a watch under way ends with ``Gone``.  May be
            repeated."""


YES = "yes"
NO = "no"
UNKNOWN = "unknown"

GATEWAYS_MAX = 16  # kept at once; anybody on the local network can announce thousands


class NetworkState(Record):
    """``link``: an interface has carrier.  ``route``: a packet to the upstream would leave.
    Each "yes", "no" or "unknown"; neither promises that anyone answers.

    ``changes`` counts what may have opened another way while link and route read the same: a cable
    replugged, another address, another router.  ``gateways``: who announces itself as a gateway,
    at most ``GATEWAYS_MAX``, by name.  ``heard`` counts announcements of gateways, so that one who
    says it again is heard again; a burst may count as one.  ``trouble`` says in words for people
    why nothing is announced or heard; "" when all is well, or when nobody asked for it.
    """

    FIELDS = ("link", "route", "changes", "gateways", "heard", "trouble")

    def __init__(
        self,
        link: str,
        route: str,
        changes: int = 0,
        gateways: "tuple[Sighting, ...]" = (),
        heard: int = 0,
        trouble: str = "",
    ) -> None:
        self.link = link
        self.route = route
        self.changes = changes
        self.gateways = gateways
        self.heard = heard
        self.trouble = trouble


class Sighting(Record):
    """Somebody says: here is a gateway (`_tilld-gateway._tcp`, design.md §2).

    ``name`` of the service, ``host`` and ``port`` where it says that it is; ``id``, ``models`` and
    ``path`` are its TXT record.
    """

    FIELDS = ("name", "host", "port", "id", "models", "path")

    def __init__(
        self, name: str, host: str, port: int, id: str, models: "tuple[str, ...]", path: str
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.id = id
        self.models = models
        self.path = path


class Announcement(Record):
    """What `_tilld._tcp` says of the device (design.md §2).

    ``owed``: payments whose cancel has not been confirmed yet.  ``port``: where an engineer may
    connect; 0 when nobody listens (RFC 6763 §8: such a service is seen, not called).
    """

    FIELDS = ("id", "terminal", "version", "owed", "port")

    def __init__(self, id: str, terminal: str, version: str, owed: int, port: int) -> None:
        self.id = id
        self.terminal = terminal
        self.version = version
        self.owed = owed
        self.port = port

"""mDNS by the package `zeroconf`, in one thread of its own: it says who we are, and hears who says
to be a gateway (design.md §2).

Imported by the driver that was told to announce or to discover: the package takes 35 ms and
several MiB. It is made anew for each state of the network, because a publisher stays deaf after
its interface was replugged (lessons.md). What goes wrong in here is one sentence in ``trouble``,
and is tried again when the network changes; nothing else may notice.

The package's own browser is left out: it plans a question for every name that it ever heard, and
anybody can invent names. We ask three times, then listen.
"""

import asyncio
import logging
import socket
import threading

from zeroconf import (  # type: ignore[attr-defined]  # the package exports them without saying so
    DNSOutgoing,
    DNSPointer,
    DNSQuestion,
    DNSService,
    DNSText,
    IPVersion,
    RecordUpdate,
    RecordUpdateListener,
    Zeroconf,
    current_time_millis,
)
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from tilld_hal import mdns_sightings
from tilld_hal.mdns_sightings import Sightings
from tilld_hal.network import Announcement, Sighting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DEVICES = "_tilld._tcp.local."
GATEWAYS = "_tilld-gateway._tcp.local."

_QUESTION, _IN, _PTR = 0, 1, 12
_ASK_AFTER_S = (0.05, 1.0, 3.0)  # RFC 6762 §5.2: a second at least, then longer
_UPDATE_EVERY_S = 6.0  # RFC 6762 §8.4: at most ten updates of a record a minute
_POKE_EVERY_S = 0.5
_CACHED_MAX = 256
_GOODBYE_WITHIN_S = 2.0

Seen = tuple[tuple[Sighting, ...], int, str]


class Mdns:
    """``poke()`` is called, from its thread, when ``seen`` has changed; a flood pokes seldom."""

    def __init__(self, announces: bool, discovers: bool, poke: "Callable[[], None]") -> None:
        self._announces = announces
        self._discovers = discovers
        self._poke = poke
        self._facts: "Announcement | None" = None
        self._place: "tuple[str, ...]" = ()
        self._moves = 0
        self._closed = False
        self._told_s = -_POKE_EVERY_S
        self._poking = False
        self._trouble = ""
        self._sightings = Sightings()
        self._seen: Seen = ((), 0, "")
        self._starting = threading.Lock()
        self._loop: "asyncio.AbstractEventLoop | None" = None
        self._thread: "threading.Thread | None" = None

    def move(self, addresses: "tuple[str, ...]") -> None:
        """The network has changed: everything begins anew on the interfaces that have these IPv4
        addresses. None: there is nothing to speak on."""
        with self._starting:
            self._place = addresses
            self._moves += 1
            if self._thread is None and addresses and not self._closed:
                logging.getLogger("zeroconf").setLevel(logging.CRITICAL)  # others' rubbish is none
                self._thread = threading.Thread(target=self._run, name="mdns", daemon=True)
                self._thread.start()
        self._kick()

    def tell(self, facts: Announcement) -> None:
        """What is announced from now on."""
        self._facts = facts
        self._kick()

    def seen(self) -> Seen:
        """The gateways, how many announcements there were, and the trouble or ""."""
        return self._seen

    def close(self) -> None:
        """Says goodbye, for a moment at most."""
        with self._starting:
            self._closed = True
            thread = self._thread
        self._kick()
        if thread is not None:
            thread.join(_GOODBYE_WITHIN_S)

    def _kick(self) -> None:
        with self._starting:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._news.set)

    # In the thread.

    def _run(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._went_wrong)
        self._news = asyncio.Event()
        with self._starting:
            self._loop = loop
        try:
            while not self._closed:
                await self._one_place()
        finally:
            with self._starting:
                self._loop = None  # nobody calls into a loop that has ended

    async def _one_place(self) -> None:
        """Speaks on one state of the network, until there is another."""
        place, moves = self._place, self._moves
        speaking: "_Speaking | None" = None
        self._sightings = Sightings()  # who was heard over another cable is no sighting here
        self._sightings.heard = self._seen[1]
        trouble = ""
        try:
            if place:
                speaking = _Speaking(place, self._sightings if self._discovers else None, self._say)
                await speaking.begin()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is one sentence
            trouble = _in_words(error)
        self._become(trouble)
        while not self._closed and self._moves == moves:
            pause_s = None
            if speaking is not None and not trouble and self._announces:
                try:
                    pause_s = await speaking.announce(self._facts)
                except Exception as error:  # noqa: BLE001 - as above
                    trouble = _in_words(error)
                    self._become(trouble)
            await self._news_within(pause_s)
        if speaking is not None:
            try:
                await speaking.end()
            except Exception as error:  # noqa: BLE001 - as above
                self._become(_in_words(error))

    async def _news_within(self, pause_s: "float | None") -> None:
        """Until something is told from outside, or until then."""
        try:
            await asyncio.wait_for(self._news.wait(), pause_s)
        except TimeoutError:
            return
        self._news.clear()

    def _went_wrong(self, loop: asyncio.AbstractEventLoop, context: "dict[str, Any]") -> None:
        """Something in the package raised where nobody waited for it."""
        error = context.get("exception")
        self._become(_in_words(error) if error else str(context.get("message")))

    def _become(self, trouble: str) -> None:
        self._trouble = trouble
        self._say()

    def _say(self) -> None:
        """Pokes now, or when the last poke is old enough."""
        loop = asyncio.get_running_loop()
        if not self._poking:
            self._poking = True
            loop.call_at(max(loop.time(), self._told_s + _POKE_EVERY_S), self._say_now)

    def _say_now(self) -> None:
        self._poking = False
        self._told_s = asyncio.get_running_loop().time()
        sightings = self._sightings
        self._seen = (
            sightings.gateways(current_time_millis()),
            sightings.heard,
            self._trouble,
        )
        self._poke()


class _Speaking:
    """One life of the package."""

    def __init__(
        self, place: "tuple[str, ...]", sightings: "Sightings | None", say: "Callable[[], None]"
    ) -> None:
        self._place = place
        self._sightings = sightings
        self._say = say
        self._mdns = AsyncZeroconf(interfaces=list(place), ip_version=IPVersion.V4Only)
        self._announced: "AsyncServiceInfo | None" = None
        self._facts: "Announcement | None" = None
        self._told_s = 0.0
        self._asking: "list[asyncio.TimerHandle]" = []

    async def begin(self) -> None:
        await self._mdns.zeroconf.async_wait_for_start()
        if self._sightings is not None:
            hearing = _Hearing(self._sightings, self._say)
            self._mdns.zeroconf.async_add_listener(hearing, None)
            loop = asyncio.get_running_loop()
            self._asking = [loop.call_later(after_s, self._ask) for after_s in _ASK_AFTER_S]

    def _ask(self) -> None:
        question = DNSOutgoing(_QUESTION)
        question.add_question(DNSQuestion(GATEWAYS, _PTR, _IN))
        self._mdns.zeroconf.async_send(question)

    async def announce(self, facts: "Announcement | None") -> "float | None":
        """Tells what is new; returns in how many seconds it wants to be asked again, or None."""
        if facts is None or facts == self._facts:
            return None
        now_s = asyncio.get_running_loop().time()
        if self._announced is not None and now_s < self._told_s + _UPDATE_EVERY_S:
            return self._told_s + _UPDATE_EVERY_S - now_s
        name = f"tilld-{facts.id}"
        info = AsyncServiceInfo(
            DEVICES,
            self._announced.name if self._announced is not None else f"{name}.{DEVICES}",
            port=facts.port,
            properties={
                "v": mdns_sightings.VERSION,
                "id": facts.id,
                "terminal": facts.terminal,
                "version": facts.version,
                "owed": str(facts.owed),
            },
            server=f"{name}.local.",
            addresses=[socket.inet_aton(address) for address in self._place],
        )
        if self._announced is None:
            # Three announcements a second apart, and an update the same: nobody waits for them.
            await self._mdns.async_register_service(info, allow_name_change=True)
        else:
            await self._mdns.async_update_service(info)
        self._announced, self._facts, self._told_s = info, facts, now_s
        return None

    async def end(self) -> None:
        for asking in self._asking:
            asking.cancel()
        await self._mdns.async_close()  # says goodbye


class _Hearing(RecordUpdateListener):
    """Every record that any host on the network sends; few are for us."""

    def __init__(self, sightings: Sightings, say: "Callable[[], None]") -> None:
        self._sightings = sightings
        self._say = say
        self._zeroconf: "Zeroconf | None" = None

    def async_update_records(self, zc: Zeroconf, now: float, records: "list[RecordUpdate]") -> None:
        """A packet's records, those that are known already among them: a gateway that has
        restarted says nothing new."""
        self._zeroconf = zc
        for update in records:
            record = update.new
            if isinstance(record, DNSPointer):
                if record.name.lower() == GATEWAYS and _is_ours(record.alias):
                    self._pointed(_label(record.alias), record, now)
            elif not _is_ours(record.name) or record.is_expired(now):
                continue
            elif isinstance(record, DNSService):
                host = record.server.rstrip(".")
                self._sightings.located(_label(record.name), host, record.port)
            elif isinstance(record, DNSText):
                self._sightings.described(_label(record.name), record.text)

    def _pointed(self, name: str, record: DNSPointer, now: float) -> None:
        if record.is_expired(now):
            self._sightings.gone(name)
            self._say()
        else:
            self._sightings.pointed(name, now + record.ttl * 1000.0)

    def async_update_records_complete(self) -> None:
        """The packet is read."""
        if self._sightings.taken(current_time_millis()):
            self._say()
        assert self._zeroconf is not None
        cache = self._zeroconf.cache
        names = cache.names()
        if sum(len(cache.entries_with_name(name)) for name in names) > _CACHED_MAX:
            for name in names:  # what others say of themselves is not for us to keep
                cache.async_remove_records(cache.entries_with_name(name))


def _is_ours(name: str) -> bool:
    return name.lower().endswith(f".{GATEWAYS}")


def _label(name: str) -> str:
    return name[: -len(GATEWAYS) - 1]


def _in_words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

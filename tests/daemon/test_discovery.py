"""What the network's news do to the way and the queue; the network is a dummy that is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tilld_daemon import discovery, way
from tilld_daemon.discovery import Discovery
from tilld_daemon.health import Health
from tilld_daemon.settings import Device
from tilld_daemon.way import Way
from tilld_hal.network import GATEWAYS_MAX, Announcement, NetworkState, Sighting

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tilld_hal.drivers.network_dummy import DummyNetwork

PATIENCE_S = 20
SHOP = Sighting("Shop", "shop.local", 8443, "gw1", ("forward",), "/v1")


class Bench:
    """A way whose looks end as the test says: "" or what was in the way."""

    def __init__(self, link: str = "yes") -> None:
        self.loop = asyncio.get_running_loop()
        self.owed = 1
        self.looks: asyncio.Queue[asyncio.Future[str]] = asyncio.Queue()
        self.flushed: asyncio.Queue[None] = asyncio.Queue()
        self.health = Health(lambda: self.now_ms, lambda: None)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.bugs: list[BaseException] = []
        self.now_ms = 0
        self.hung_up = False
        self.way = Way(
            self.connect,
            lambda: self.hung_up,
            self.health,
            lambda: self.flushed.put_nowait(None),
            self.start_soon,
        )
        self.discovery = Discovery(
            Device("dummy", {"link": link}),
            self.health,
            self.way,
            lambda: Announcement("id", "7", "0.1.0", self.owed, 0),
            lambda: self.owed,
            lambda: "now",
            self.bugs.append,
        )

    def start_soon(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def connect(self) -> str:
        held: asyncio.Future[str] = self.loop.create_future()
        self.looks.put_nowait(held)
        return await held

    async def look(self) -> asyncio.Future[str]:
        """The next look, under way."""
        return await asyncio.wait_for(self.looks.get(), PATIENCE_S)

    async def flush(self) -> None:
        await asyncio.wait_for(self.flushed.get(), PATIENCE_S)

    async def network(self) -> DummyNetwork:
        """The dummy, once it is watched."""
        self.discovery.start()
        while self.discovery.network_is != "yes":
            await self.passed()
        network: DummyNetwork = self.discovery._network  # type: ignore[assignment]
        return network

    async def passed(self) -> None:
        """One turn of the loop and of the thread that watches."""
        await self.loop.run_in_executor(None, lambda: None)


async def heard(bench: Bench, count: int) -> None:
    while bench.discovery._state is None or bench.discovery._state.heard < count:
        await bench.passed()


def run(body: Any) -> None:
    async def whole() -> None:
        bench = Bench()
        async with asyncio.timeout(3 * PATIENCE_S):
            await body(bench)
        bench.discovery.close()
        assert bench.bugs == []

    asyncio.run(whole())


def test_a_cable_a_route_and_another_address_each_make_the_way_be_looked_at() -> None:
    async def body(bench: Bench) -> None:
        network = await bench.network()
        for change in (
            lambda: network.change("yes", "no"),
            lambda: network.change("yes", "yes"),
            network.replug,
        ):
            change()
            look = await bench.look()
            look.set_result("")
            await bench.flush()
        assert bench.looks.empty()

    run(body)


def test_a_link_that_is_gone_blocks_and_is_not_looked_behind() -> None:
    async def body(bench: Bench) -> None:
        network = await bench.network()
        network.change("no", "no")
        while [block["code"] for block in bench.health.blocks()] != ["no_link"]:
            await bench.passed()
        assert bench.looks.empty()
        network.change("yes", "no")
        (await bench.look()).set_result("")
        await bench.flush()
        assert bench.health.blocks() == []

    run(body)


def test_an_announcement_makes_what_is_owed_leave_and_a_burst_is_one() -> None:
    async def body(bench: Bench) -> None:
        network = await bench.network()
        for number in range(500):
            network.see(Sighting(f"G{number % 40}", "g.local", 1, "g", (), ""))
        look = await bench.look()
        await heard(bench, 500)
        look.set_result("")
        await bench.flush()
        assert bench.looks.empty()  # the rest of the burst is heeded once, in some seconds
        assert len(bench.discovery.seen()["gateways"]) == GATEWAYS_MAX

    run(body)


def test_the_end_of_a_burst_is_heeded_too() -> None:
    async def body(bench: Bench) -> None:
        network = await bench.network()
        bench.discovery._heeded_s = bench.loop.time() - discovery.HEED_EVERY_S + 0.2
        network.see(SHOP)
        (await bench.look()).set_result("")
        await bench.flush()

    run(body)


def test_an_announcement_while_nothing_is_owed_and_the_way_is_open_wakes_nobody() -> None:
    async def body(bench: Bench) -> None:
        bench.owed = 0
        network = await bench.network()
        network.see(SHOP)
        await heard(bench, 1)
        await bench.passed()
        assert bench.looks.empty()
        assert bench.discovery.seen()["gateways"] == [
            {"name": "Shop", "host": "shop.local", "port": 8443, "id": "gw1", "since": "now"}
        ]

    run(body)


def test_a_lie_costs_looks_and_sends_nothing() -> None:
    async def body(bench: Bench) -> None:
        network = await bench.network()
        network.see(SHOP)
        (await bench.look()).set_result("no connection")
        second = await bench.look()  # the way is known to be closed now, and looked at
        assert bench.flushed.empty()
        second.set_result("")
        await bench.flush()

    run(body)


def test_an_announcement_hastens_fewer_looks_than_a_cable() -> None:
    async def body(bench: Bench) -> None:
        network = await bench.network()
        network.see(SHOP)
        await bench.look()
        assert bench.way._quick_until_s <= bench.loop.time() + way.ANNOUNCED_QUICK_FOR_S
        network.replug()
        await bench.look()
        quick_until_s = bench.way._quick_until_s
        assert quick_until_s > bench.loop.time() + way.ANNOUNCED_QUICK_FOR_S
        bench.way.news(way.ANNOUNCED_QUICK_FOR_S)  # in the middle of it: takes nothing away
        assert bench.way._quick_until_s == quick_until_s

    run(body)


def test_the_same_trouble_at_each_replug_is_one_warning(caplog: Any) -> None:
    async def body(bench: Bench) -> None:
        network = await bench.network()
        for trouble in ("in use", "", "in use", "", "no such device", "", "in use"):
            network.break_discovery(trouble)
        network.replug()
        (await bench.look()).set_result("")
        await bench.flush()

    run(body)
    warnings = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert [text.rsplit(": ", 1)[1] for text in warnings] == ["in use", "no such device"]


def test_a_broken_stack_is_one_warning_and_the_cable_still_counts(caplog: Any) -> None:
    async def body(bench: Bench) -> None:
        network = await bench.network()
        for trouble in ("Address already in use", "No such device"):
            network.break_discovery(trouble)
        while bench.discovery.seen().get("trouble") != "No such device":
            await bench.passed()
        network.change("yes", "no")
        (await bench.look()).set_result("")
        await bench.flush()
        network.break_discovery("")
        while "trouble" in bench.discovery.seen():
            await bench.passed()

    run(body)
    warnings = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert warnings == ["nothing is announced or discovered: Address already in use"]


def test_what_is_owed_is_announced_as_it_changes() -> None:
    async def body(bench: Bench) -> None:
        network = await bench.network()
        assert network.announced == Announcement("id", "7", "0.1.0", 1, 0)
        bench.owed = 2
        discovery.Owed(bench.discovery).tell({"event": "queue.changed"})
        assert network.announced == Announcement("id", "7", "0.1.0", 2, 0)

    run(body)


def test_a_driver_that_breaks_its_promises_is_a_bug_of_the_process() -> None:
    async def whole() -> None:
        bench = Bench("sideways")  # a value that no check has seen
        bench.discovery.start()
        while not bench.bugs:
            await bench.passed()

    asyncio.run(whole())


# The way.


def test_a_closed_way_is_looked_at_until_it_opens_and_then_everything_leaves() -> None:
    async def body(bench: Bench) -> None:
        bench.way.observed("refused")
        for _ in range(3):
            (await bench.look()).set_result("refused")
        (await bench.look()).set_result("")
        await bench.flush()
        assert not bench.health.way_is_closed

    run(body)


def test_who_asks_has_it_looked_at_only_when_it_was_seen_long_ago() -> None:
    async def body(bench: Bench) -> None:
        bench.way.observed("")
        assert bench.way.asked() is None
        bench.now_ms = int(way.SEEN_LATELY_S * 1000) + 1
        asked = bench.way.asked()
        assert asked is not None
        assert bench.way.asked() is asked  # whoever else asks waits for the same look
        look = await bench.look()
        assert bench.looks.empty()
        look.set_result("refused")
        await asked
        assert bench.health.way_is_closed
        assert bench.way.asked() is None

    run(body)


def test_a_connection_that_was_hung_up_puts_the_way_in_doubt_at_once() -> None:
    async def body(bench: Bench) -> None:
        bench.way.observed("")
        bench.hung_up = True
        asked = bench.way.asked()
        assert asked is not None
        assert bench.health.ready() == "unknown"
        bench.hung_up = False
        (await bench.look()).set_result("")
        await asked
        assert bench.health.ready() == "yes"
        assert bench.flushed.empty()  # it was never known to be closed

    run(body)


def test_a_look_that_hangs_holds_up_no_other_and_says_nothing_when_it_ends_late() -> None:
    async def body(bench: Bench) -> None:
        bench.way.news()
        hanging = await bench.look()
        bench.way.observed("")  # a call was answered in the meantime
        await bench.flush()
        hanging.set_result("timeout")
        await bench.passed()
        assert not bench.health.way_is_closed
        bench.way.news()
        looks = [await bench.look() for _ in range(way.LOOKS_AT_ONCE)]
        looks[-1].set_result("")
        await bench.flush()
        for look in looks[:-1]:
            look.set_result("timeout")
        await bench.passed()
        assert not bench.health.way_is_closed

    run(body)


def test_the_state_of_a_network_is_told_apart_by_each_of_its_fields() -> None:
    plain = NetworkState("yes", "yes")
    others = [
        NetworkState("no", "yes"),
        NetworkState("yes", "no"),
        NetworkState("yes", "yes", changes=1),
        NetworkState("yes", "yes", gateways=(SHOP,)),
        NetworkState("yes", "yes", heard=1),
        NetworkState("yes", "yes", trouble="broken"),
    ]
    assert all(other != plain for other in others)

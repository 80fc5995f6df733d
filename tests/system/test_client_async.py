"""`AsyncTill` against the real process: the same sale, many at once, over restarts."""

import asyncio

import pytest

from tilld_client import KeyFolder, Lost, NotFound, new_key
from tilld_client.aio import AsyncTill
from tilld_testkit.comparison import at_rest
from tilld_testkit.shop import open_shop

PATIENCE_S = 20.0


@pytest.fixture
def shop(tmp_path, simulator):
    how = {"scale": 0.05, "more": {"timing": "pay_in_flight_max_s = 60"}, "scanner": True}
    with open_shop(tmp_path / "device", simulator, **how) as shop:
        yield shop


@pytest.fixture
def store(tmp_path):
    return KeyFolder(tmp_path / "keys")


def run(coroutine):
    async def bounded():
        async with asyncio.timeout(60):
            return await coroutine

    return asyncio.run(bounded())


def open_till(shop, **how):
    return AsyncTill(str(shop.socket_path), patience_s=PATIENCE_S, **how)


def test_sixteen_sales_at_once_on_one_connection(shop, store, simulator):
    codes = [simulator.fresh_code() for _ in range(16)]

    async def main():
        async with open_till(shop) as till:
            sales = [till.pay(store, f"A-{code}", "EUR", 100, code=code) for code in codes]
            return await asyncio.gather(*sales)

    payments = run(main())
    assert all(payment.paid for payment in payments)
    assert sum(simulator.owed(payment["payment"]) for payment in payments) == 1600
    assert store.remembered() == []


def test_a_terminal_killed_in_mid_payment_ends_it_and_the_till_is_told(shop, store, simulator):
    simulator.set_faults({"api": "pay", "fault": "answer lost after the debit"})
    code = simulator.fresh_code()

    async def main():
        async with open_till(shop) as till:
            async for payment in till.paying(store, "A-1", "EUR", 100, code=code):
                if payment["state"] == "paying":
                    shop.kill()
                    shop.start()
            while not payment["settled"]:
                asked = {"key": payment["key"], "revision": payment["revision"]}
                payment = await till.call("payment.wait", timeout_s=20, **asked)
            return payment

    end = run(main())
    assert end["reason"]["code"] == "restarted"
    assert at_rest(end, simulator) == []


def test_a_cancel_from_another_task_ends_it(shop, store):
    async def main():
        async with open_till(shop) as till:
            key, waits = new_key(), asyncio.Event()
            paying = asyncio.ensure_future(
                till.pay(store, "A-2", "EUR", 100, lambda _: waits.set(), key=key)
            )
            await waits.wait()
            await till.cancel(key)
            return await paying

    assert run(main())["reason"]["code"] == "till_cancelled"


def test_a_timeout_around_pay_cancels_the_payment(shop, store):
    async def main():
        async with open_till(shop) as till:
            waits = asyncio.Event()
            task = asyncio.ensure_future(till.pay(store, "A-3", "EUR", 100, lambda _: waits.set()))
            await waits.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return [thing async for thing in till.recover(store)]

    (end,) = run(main())
    assert (end["state"], end["reason"]["code"]) == ("failed", "till_cancelled")
    assert store.remembered() == []


def test_a_store_of_coroutines_is_awaited(shop, simulator):
    used = []

    class Database:
        async def remember(self, key, body):
            used.append(("remember", key))

        async def settle(self, key):
            used.append(("settle", key))

        async def unfinished(self):
            return []

    code = simulator.fresh_code()

    async def main():
        async with open_till(shop) as till:
            return await till.pay(Database(), "A-4", "EUR", 100, code=code)

    paid = run(main())
    assert paid.paid
    assert used == [("remember", paid["key"]), ("settle", paid["key"])]


def test_a_refund_is_followed_to_its_end(shop, store, simulator):
    code = simulator.fresh_code()

    async def main():
        async with open_till(shop) as till:
            paid = await till.pay(store, "A-5", "EUR", 1250, code=code)
            return await till.refund(store, paid["payment"])

    assert run(main()).refunded


def test_events_go_on_over_a_restart(shop, store, simulator):
    codes = [simulator.fresh_code() for _ in range(2)]

    async def main():
        async with open_till(shop) as till:
            events = till.events(await till.now(), ["payment.changed"])
            await till.pay(store, "A-6", "EUR", 100, code=codes[0])
            async for event in events:
                if event["payment"]["state"] == "paid":
                    break
            shop.kill()
            shop.start()
            assert (await anext(events))["event"] == "gap"
            await till.pay(store, "A-7", "EUR", 100, code=codes[1])
            async for event in events:
                told = event["payment"]
                if (told["order_ref"], told["state"]) == ("A-7", "paid"):
                    break
            await events.close()

    run(main())


def test_errors_are_those_of_till(shop, tmp_path):
    async def main():
        async with open_till(shop) as till:
            with pytest.raises(NotFound):
                await till.get(new_key())
        nowhere = AsyncTill(str(tmp_path / "none.sock"), patience_s=0.0)
        with pytest.raises(Lost):
            await nowhere.call("device.health")

    run(main())

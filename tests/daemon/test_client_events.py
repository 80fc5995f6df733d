"""Where a reader of events goes on after a loss: nothing is missed, not even behind a gap."""

import asyncio
import socket

import msgpack
import pytest

from tilld_client import Till
from tilld_client.aio import AsyncTill
from tilld_client.aio_link import AsyncLink
from tilld_client.events import Place

PATIENCE_S = 20.0
EVENTS = 5000
TURNS = 1000  # of the loop: what is read at all is read in a few


def event(epoch, seq, name="payment.changed"):
    return {"epoch": epoch, "seq": seq, "event": name}


def test_a_position_moves_with_each_event():
    place = Place(None)
    place.begin({"epoch": 1, "seq": 7})
    assert place.position == {"epoch": 1, "seq": 7}
    place.heard(event(1, 8))
    assert place.position == {"epoch": 1, "seq": 8}


def test_a_given_position_is_kept_until_something_is_heard():
    place = Place({"epoch": 1, "seq": 3})
    place.begin({"epoch": 1, "seq": 7})
    assert place.position == {"epoch": 1, "seq": 3}


def test_until_all_behind_a_gap_is_read_the_position_stays_before_it():
    place = Place({"epoch": 1, "seq": 3})
    place.begin({"epoch": 2, "seq": 9})
    place.heard(event(2, 9, "gap"))
    place.heard(event(2, 9))
    place.heard(event(2, 9))
    assert place.position == {"epoch": 1, "seq": 3}
    place.heard(event(2, 10))
    assert place.position == {"epoch": 2, "seq": 10}


def test_a_reader_cut_off_behind_a_gap_is_told_all_of_it_again():
    place = Place({"epoch": 1, "seq": 3})
    place.begin({"epoch": 2, "seq": 9})
    place.heard(event(2, 9, "gap"))
    place.begin({"epoch": 2, "seq": 9})
    place.heard(event(2, 9, "gap"))
    place.heard(event(2, 9))
    assert place.position == {"epoch": 1, "seq": 3}


def test_a_subscription_on_the_connection_of_the_calls_is_refused(tmp_path):
    path = str(tmp_path / "till.sock")
    with pytest.raises(ValueError, match="a connection of their own"):
        Till(path).call("events.subscribe")
    with pytest.raises(ValueError, match="a connection of their own"):
        asyncio.run(AsyncTill(path).call("events.subscribe"))


def test_events_that_nobody_reads_wait_at_the_terminal_and_not_in_the_till():
    events = [[2, "event", [{"seq": seq, "text": "x" * 1000}]] for seq in range(EVENTS)]
    left = memoryview(b"".join(map(msgpack.packb, events)))

    async def turn():
        over = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(over.set_result, None)
        await over

    async def sent_until_it_is_stuck(terminal, left):
        stuck = 0
        while left and stuck < TURNS:
            try:
                left = left[terminal.send(left) :]
                stuck = 0
            except BlockingIOError:
                stuck += 1
            await turn()
        return left

    async def main(left):
        ours, terminal = socket.socketpair()
        with terminal:
            terminal.setblocking(False)
            link = AsyncLink(*await asyncio.open_unix_connection(sock=ours), PATIENCE_S)
            left = await sent_until_it_is_stuck(terminal, left)
            assert len(left) > EVENTS * 500
            sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(terminal, left))
            seen = [(await link.event(PATIENCE_S))["seq"] for _ in range(EVENTS)]
            await sending
            await link.close()
        return seen

    assert asyncio.run(main(left)) == list(range(EVENTS))

"""Events kept, missed, and told at the pace of whoever reads them."""

import asyncio

import pytest

from tilld_core import limits
from tilld_daemon.events import Events


class Reader:
    """A connection's end: it takes ``room`` events and is full then."""

    def __init__(self, room=10_000):
        self.room = room
        self.is_open = True
        self.heard = []

    @property
    def is_full(self):
        return self.room <= 0

    def tell(self, event):
        assert not self.is_full
        self.room -= 1
        self.heard.append(event)

    @property
    def names(self):
        return [event["event"] for event in self.heard]

    @property
    def seqs(self):
        return [event["seq"] for event in self.heard]


class World:
    def __init__(self):
        self.events = Events(77, lambda: "2026-11-22T23:27:30+01:00")
        self.open_objects = []

    def happen(self, count=1, name="payment.changed"):
        for _ in range(count):
            self.events.announce(name, {"payment": {}})

    def subscribe(self, reader, since=None, topics=None):
        begin = self.events.subscribe(reader, since, topics, lambda: iter(self.open_objects))
        begin()
        return reader

    def position(self, seq, epoch=77):
        return {"epoch": epoch, "seq": seq}


@pytest.fixture
def world():
    return World()


def test_events_are_numbered_from_one_and_dated(world):
    reader = world.subscribe(Reader())
    world.happen(2)
    assert reader.heard[0] == {
        "epoch": 77,
        "seq": 1,
        "event": "payment.changed",
        "at": "2026-11-22T23:27:30+01:00",
        "payment": {},
    }
    assert reader.seqs == [1, 2]


def test_since_gives_what_came_after_it(world):
    world.happen(5)
    assert world.subscribe(Reader(), world.position(3)).seqs == [4, 5]
    assert world.subscribe(Reader(), world.position(0)).seqs == [1, 2, 3, 4, 5]
    assert world.subscribe(Reader(), world.position(5)).seqs == []
    assert world.subscribe(Reader()).seqs == []


def test_what_happens_between_the_answer_and_the_first_event_is_not_lost(world):
    reader = Reader()
    begin = world.events.subscribe(reader, None, None, lambda: ())
    world.happen()
    begin()
    assert reader.seqs == [1]


@pytest.mark.parametrize(("seq", "epoch"), [(6, 77), (-1, 77), (3, 76)])
def test_a_position_that_cannot_be_told_gives_one_gap_and_the_open_objects(world, seq, epoch):
    world.happen(5)
    world.open_objects = [("payment.changed", {"payment": 1}), ("job.changed", {"job": 2})]
    reader = world.subscribe(Reader(), world.position(seq, epoch))
    assert reader.names == ["gap", "payment.changed", "job.changed"]
    assert reader.seqs == [5, 5, 5]


def test_the_last_1024_are_kept(world):
    world.happen(limits.EVENTS_KEPT_MAX + 5)
    assert len(world.subscribe(Reader(), world.position(5)).heard) == limits.EVENTS_KEPT_MAX
    assert world.subscribe(Reader(), world.position(4)).names == ["gap"]


def test_topics_leave_out_the_others_but_never_a_gap(world):
    reader = world.subscribe(Reader(), world.position(9), ["attention"])
    world.happen()
    world.happen(name="attention")
    assert reader.names == ["gap", "attention"]


def test_subscribing_again_changes_the_topics_and_repeats_nothing(world):
    reader = world.subscribe(Reader(), None, ["attention"])
    world.happen()
    world.subscribe(reader)
    world.happen()
    assert reader.seqs == [2]


def test_a_reader_that_is_full_gets_one_gap_when_it_reads_again(world):
    slow, quick = world.subscribe(Reader(room=2)), world.subscribe(Reader())
    world.happen(5)
    assert slow.seqs == [1, 2]
    assert quick.seqs == [1, 2, 3, 4, 5]
    world.open_objects = [("payment.changed", {"payment": "latest"})]
    slow.room = 10
    world.events.go_on(slow)
    assert slow.names[2:] == ["gap", "payment.changed"]
    world.happen()
    assert slow.seqs[2:] == [5, 5, 6]


def test_a_snapshot_of_any_size_reaches_a_reader_in_portions_and_once(world):
    world.open_objects = [("payment.changed", {"payment": number}) for number in range(10)]
    slow = world.subscribe(Reader(room=4), world.position(1))
    assert len(slow.heard) == 4
    world.happen(3)  # while it is behind
    for _ in range(4):
        slow.room = 3
        world.events.go_on(slow)
    assert slow.names.count("gap") == 1
    numbers = [event["payment"] for event in slow.heard[1:11]]
    assert numbers == list(range(10))
    assert slow.seqs == [0] * 11 + [1, 2, 3]  # the gap's seq until all of it is read


def test_a_reader_that_stays_behind_for_more_than_is_kept_gets_another_gap(world):
    world.open_objects = [("payment.changed", {"payment": number}) for number in range(3)]
    slow = world.subscribe(Reader(room=2), world.position(1))
    world.happen(limits.EVENTS_KEPT_MAX + 1)
    slow.room = 100
    world.events.go_on(slow)
    assert slow.names == ["gap", *["payment.changed"] * 3, "gap", *["payment.changed"] * 3]
    world.happen()
    assert slow.seqs[-1] == limits.EVENTS_KEPT_MAX + 2


def test_who_has_left_hears_nothing(world):
    gone, leaving = Reader(), world.subscribe(Reader())
    begin = world.events.subscribe(gone, None, None, lambda: ())
    gone.is_open = False
    begin()
    world.events.forget(leaving)
    world.happen()
    world.events.go_on(leaving)
    world.events.forget(gone)
    assert gone.heard == leaving.heard == []


def test_a_new_subscription_ends_the_one_that_still_reads_the_past(world):
    async def subscribed_twice():
        reading = asyncio.get_running_loop().create_future()
        world.open_objects = [reading, ("payment.changed", {"payment": {}})]
        reader = world.subscribe(Reader(), world.position(0, epoch=1))
        assert reader.names == ["gap"]
        world.subscribe(reader)
        reading.set_result(None)
        await asyncio.wait((reading,))  # who waited for it before us has heard of it by now
        return reader

    reader = asyncio.run(subscribed_twice())
    assert reader.names == ["gap"]
    world.happen()
    assert reader.names == ["gap", "payment.changed"]

"""Events (till_socket.md §5): epoch and seq, since, gap, topics, and a reader that is too slow."""

import pytest

from tilld_core import limits
from tilld_testkit.rpc import Rpc
from tilld_testkit.sales import paid
from tilld_testkit.shop import new_key, open_shop


@pytest.fixture
def shop(tmp_path, simulator):
    with open_shop(tmp_path / "device", simulator, scale=0.05) as shop:
        yield shop


@pytest.fixture
def till(shop):
    with Rpc(shop.socket_path) as till:
        yield till


def close_keys(till, count):
    """Cheap payments: keys that are closed before their start; one event each."""
    sent = [till.send("payment.cancel", {"key": new_key()}) for _ in range(count)]
    return [till.answer(msgid)["payment"] for msgid in sent]


def names_payment(payment):
    return lambda event: (
        event["event"] == "payment.changed"
        and (
            event["payment"]["payment"] == payment["payment"]
            and event["payment"]["state"] == payment["state"]
        )
    )


def heard_to(till, seq):
    """Every event up to that one."""
    till.event(lambda event: event["seq"] >= seq)
    return till.events


def test_an_event_has_its_epoch_seq_name_and_time_and_carries_the_object(till, simulator):
    position = till.ask("events.subscribe")
    assert position == {"epoch": till.greeting["epoch"], "seq": position["seq"]}
    done = paid(till, simulator)
    last = till.event(names_payment(done))
    assert set(last) == {"epoch", "seq", "event", "at", "payment"}
    assert last["at"][-6:] == "+01:00"
    assert last["payment"] == done
    seqs = [event["seq"] for event in till.events]
    assert seqs == list(range(position["seq"] + 1, last["seq"] + 1))
    assert {event["epoch"] for event in till.events} == {position["epoch"]}
    states = [event["payment"]["state"] for event in till.events if "payment" in event]
    # on a busy machine the scaled 5 s may pass before the answer
    assert [state for state in states if state != "inquiring"] == ["paying", "approved", "paid"]


def test_since_tells_what_was_missed_and_nothing_twice(shop, till, simulator):
    position = till.ask("events.subscribe")
    paid(till, simulator)
    done = paid(till, simulator)
    last = till.event(names_payment(done))
    middle = till.events[1]
    with Rpc(shop.socket_path) as late:
        since = {"epoch": position["epoch"], "seq": middle["seq"]}
        assert late.ask("events.subscribe", since=since)["seq"] == last["seq"]
        heard_to(late, last["seq"])
        late.hello()
        assert late.events == till.events[2:]


def test_a_subscriber_without_since_hears_only_what_comes(shop, till, simulator):
    paid(till, simulator)
    till.ask("events.subscribe")
    done = paid(till, simulator)
    till.event(names_payment(done))
    assert {event["payment"]["key"] for event in till.events if "payment" in event} == {done["key"]}


def test_a_new_epoch_gives_one_gap_and_then_everything_open_or_recent(shop, simulator):
    with Rpc(shop.socket_path) as till:
        position = till.ask("events.subscribe")
        done = paid(till, simulator)
        (closed,) = close_keys(till, 1)
    shop.kill()
    shop.start()
    with Rpc(shop.socket_path) as till:
        assert till.greeting["epoch"] != position["epoch"]
        now = till.ask("events.subscribe", since=position)
        till.event(lambda event: "payment" in event and event["payment"]["payment"] == closed)
        first, *changed = till.events
        assert (first["event"], first["epoch"]) == ("gap", now["epoch"])
        assert {event["event"] for event in changed} == {"payment.changed"}
        assert [event["payment"]["payment"] for event in changed] == [done["payment"], closed]


def test_a_trimmed_past_gives_one_gap(till):
    position = till.ask("events.subscribe", topics=["attention"])
    for _ in range(limits.EVENTS_KEPT_MAX // 60 + 1):
        close_keys(till, 60)
    now = till.ask("events.subscribe", since=position, topics=["attention"])
    assert now["seq"] > position["seq"] + limits.EVENTS_KEPT_MAX
    till.event(lambda event: event["event"] == "gap")
    kept = {"epoch": now["epoch"], "seq": now["seq"] - limits.EVENTS_KEPT_MAX}
    till.events.clear()
    till.ask("events.subscribe", since=kept)
    heard_to(till, now["seq"])
    assert len(till.events) == limits.EVENTS_KEPT_MAX
    assert "gap" not in {event["event"] for event in till.events}


@pytest.mark.parametrize("since", [{"epoch": 1, "seq": 0}, {"epoch": None, "seq": 2**62}])
def test_a_position_that_never_was_gives_a_gap(till, since):
    since = since | ({} if since["epoch"] else {"epoch": till.greeting["epoch"]})
    till.ask("events.subscribe", since=since)
    till.event(lambda event: event["event"] == "gap")


def test_topics_choose_the_events(shop, till, simulator):
    till.ask("events.subscribe", topics=["refund.changed"])
    done = paid(till, simulator)
    key = new_key()
    till.ask("refund.start", key=key, payment=done["payment"])
    told = till.ask("refund.wait", key=key, timeout_s=20)
    till.event(lambda event: event["refund"] == told)
    assert {event["event"] for event in till.events} == {"refund.changed"}


@pytest.mark.parametrize("wrong", [{"topics": ["payments"]}, {"topics": "gap"}, {"since": 7}])
def test_a_subscription_that_cannot_be_is_bad_param(till, wrong):
    told = till.refused("events.subscribe", **wrong)
    assert (told["code"], told["fields"]) == ("bad_param", list(wrong))


def test_a_slow_reader_loses_its_backlog_gets_one_gap_and_all_of_what_is_recent(shop, till):
    with Rpc(shop.socket_path) as slow:
        slow.ask("events.subscribe")
        closed = []
        for _ in range(20):  # some 900 KB of events
            closed += close_keys(till, 60)
        assert till.hello()["mode"] == "test"
        (last,) = close_keys(till, 1)
        slow.event(
            lambda event: (
                event["event"] == "payment.changed"
                and event["payment"]["payment"] == last
                and "gap" in {one["event"] for one in slow.events}
            )
        )
        gaps = [at for at, event in enumerate(slow.events) if event["event"] == "gap"]
        assert len(gaps) == 1
        after = {event["payment"]["payment"] for event in slow.events[gaps[0] + 1 :]}
        assert after == {*closed, last}
        live = close_keys(till, 1)[0]
        seen = slow.event(lambda event: "payment" in event and event["payment"]["payment"] == live)
        assert seen["seq"] == till.hello()["last_seq"]

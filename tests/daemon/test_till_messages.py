"""Bytes in, messages out: cut anywhere, too long, or with timestamps that are none."""

import gc
import weakref

import pytest

from tilld_daemon.till_messages import NOTHING, Malformed, Messages, Repeated, make_timestamps_plain
from tilld_testkit.rpc import Pairs, Raw, pack

NO_TIMESTAMPS = (
    b"\xd7\xff" + b"\xff" * 8,
    b"\xc7\x0c\xff" + b"\xff" * 12,
    b"\xc7\x05\xff" + b"\x01" * 5,
    b"\xc7\x00\xff",
    b"\xd4\xff\x01",
    b"\xc8\x00\x03\xff\x01\x02\x03",
    b"\xc9\x00\x00\x00\x01\xff\x01",
)
# Everything that has a marker of its own, so that the walk over the bytes meets it.
EVERYTHING: list[object] = [
    *(None, True, False, 0, -1, 200, 70000, 2**40, -200, -70000, -(2**40), 1.5),
    *("", "a" * 31, "a" * 40, "a" * 300, b"", b"b" * 300, [1] * 20, {"m": [{}]}),
    {str(n): n for n in range(20)},
    Raw(b"\xca\x00\x00\x00\x00"),
    Raw(b"\xdb\x00\x00\x00\x01a"),
    Raw(b"\xc6\x00\x00\x00\x01a"),
    Raw(b"\xdd\x00\x00\x00\x01\x01"),
    Raw(b"\xdf\x00\x00\x00\x01\x01\x01"),
    *(Raw(bytes((0xD4 + n, 7)) + bytes(1 << n)) for n in range(5)),
    Raw(b"\xd6\xff\x00\x00\x00\x00"),
]


def given(messages, *chunks):
    found = []
    for chunk in chunks:
        messages.feed(memoryview(chunk))
        while (message := messages.next()) is not NOTHING:
            found.append(message)
    return found


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_messages_come_whole_however_their_bytes_are_cut(step):
    data = b"".join(pack([0, n, "x", [{"a": "é" * n}]]) for n in range(60))
    messages = Messages()
    found = given(messages, *(data[at : at + step] for at in range(0, len(data), step)))
    assert [message[1] for message in found] == list(range(60))
    assert messages.waiting_bytes == 0


@pytest.mark.parametrize("bad", NO_TIMESTAMPS)
def test_a_timestamp_that_is_none_is_a_value_of_no_known_kind(bad):
    message = pack([0, 1, "x", [{"all": EVERYTHING, "bad": Raw(bad)}]])
    next_one = pack([0, 2])
    for cut in (0, 1, len(message) // 2, len(message) - 1):
        first, second = given(Messages(), message[:cut], message[cut:] + next_one)
        assert first[:3] == [0, 1, "x"]
        assert not isinstance(first[3][0]["bad"], (str, bytes, int, float, dict, list))
        assert len(first[3][0]["all"]) == len(EVERYTHING)
        assert second == [0, 2]


def test_every_message_may_have_one():
    message = pack([0, 1, Raw(NO_TIMESTAMPS[0]), [Raw(NO_TIMESTAMPS[1])]])
    assert len(given(Messages(), message * 5)) == 5


def test_one_message_is_read_anew_once_only():
    begun = pack([0, 1, Raw(NO_TIMESTAMPS[0]), [Raw(NO_TIMESTAMPS[1])]])
    with pytest.raises(Malformed):
        given(Messages(), begun[:15], begun[15:])


def test_what_is_no_messagepack_is_malformed():
    for data in (b"\xc1", b"\x92\x01\xc1", b"\x91" * 2000, b"\xdd\xff\xff\xff\xff"):
        with pytest.raises(Malformed):
            given(Messages(), data)


def test_a_message_is_too_long_whether_it_comes_at_once_or_goes_on_and_on():
    longest = pack(b"x" * (65536 - 3))
    assert len(longest) == 65536
    assert len(given(Messages(), longest)) == 1
    with pytest.raises(Malformed, match="64 KiB"):
        given(Messages(), pack(b"x" * (65536 - 2)))
    endless = pack(b"x" * 70000)
    with pytest.raises(Malformed, match="64 KiB"):
        given(Messages(), *(endless[at : at + 1000] for at in range(0, 66000, 1000)))


def test_a_key_named_twice_makes_the_map_none():
    (message,) = given(Messages(), pack([Pairs((("a", 1), ("a", 2)))]))
    assert isinstance(message[0], Repeated)


def test_the_maps_of_a_message_are_counted_and_those_of_the_next_anew():
    messages = Messages()
    given(messages, pack([{}] * 7))
    assert messages.containers == 7
    given(messages, pack([{}]))
    assert messages.containers == 1


def test_only_the_first_value_is_changed_and_only_its_timestamps():
    one, other = pack([Raw(b"\xd4\xff\x01"), -1, "\x7f"]), pack(Raw(b"\xd4\xff\x01"))
    data = bytearray(one + other)
    assert make_timestamps_plain(data)
    assert bytes(data) == one.replace(b"\xd4\xff", b"\xd4\x00") + other
    assert not make_timestamps_plain(bytearray(pack(EVERYTHING[:-1])))


def test_what_a_closed_connection_held_is_free_at_once_without_a_collection():
    """A collector that has been told to leave everything there alone would never free it."""
    messages = Messages()
    messages.feed(memoryview(pack({"a": {"b": [1]}})))
    assert messages.next() == {"a": {"b": [1]}}
    gone = weakref.ref(messages)
    gc.disable()
    try:
        del messages
        assert gone() is None
    finally:
        gc.enable()

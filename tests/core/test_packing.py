from tilld_core.packing import DEPTH_MAX, INT_MAX, INT_MIN, PackingError, join, pack, unpack

WHOLE = [
    None,
    False,
    True,
    0,
    127,
    128,
    255,
    256,
    65535,
    65536,
    INT_MAX,
    -1,
    -32,
    -33,
    -128,
    -129,
    -32768,
    -32769,
    -(1 << 31) - 1,
    INT_MIN,
    "",
    "café € 支付",
    "x" * 31,
    "x" * 32,
    "x" * 70000,
    b"",
    b"\xf7J" * 200,
    [],
    [1] * 16,
    {},
    {"n": 1, "list": [None, {"deep": b"\x00"}]},
]


def refused(call, *args):
    try:
        call(*args)
    except PackingError:
        return True
    return False


def test_what_is_packed_comes_back_with_its_type():
    for value in WHOLE:
        back = unpack(pack(value))
        assert back == value, value
        assert type(back) is type(value), value


def test_a_tuple_comes_back_as_a_list():
    assert unpack(pack((1, ("a",)))) == [1, ["a"]]


def test_every_cut_of_a_message_is_refused():
    data = pack({"text": "x" * 40, "bytes": b"y" * 3, "list": [1, -70000, INT_MAX, None]})
    for size in range(len(data)):
        assert refused(unpack, data[:size]), size


def test_bytes_behind_the_value_are_refused():
    assert refused(unpack, pack(1) + b"\x00")


def test_types_outside_the_subset_are_refused_both_ways():
    for value in (1.5, object(), {1}, INT_MAX + 1, INT_MIN - 1, {1: 2}, {b"k": 1}, [1, [2.0]]):
        assert refused(pack, value), value
    float64, ext, never_used = b"\xcb" + b"\x00" * 8, b"\xd4\x01\x00", b"\xc1"
    too_large, number_as_key = b"\xcf" + b"\xff" * 8, b"\x81\x01\x02"
    for data in (float64, ext, never_used, too_large, number_as_key):
        assert refused(unpack, data), data


def test_a_key_that_comes_twice_is_refused():
    assert refused(unpack, b"\x82\xa1k\x01\xa1k\x02")


def test_text_that_is_no_utf8_is_refused():
    assert refused(unpack, b"\xa2\xff\xfe")


def test_nesting_is_bounded_both_ways():
    value: object = 1
    for _ in range(DEPTH_MAX):
        value = [value]
    assert unpack(pack(value)) == value
    assert refused(pack, [value])
    assert refused(unpack, b"\x91" * (DEPTH_MAX + 1) + b"\x01")


def test_a_count_larger_than_the_message_is_refused_before_it_is_built():
    for data in (b"\xdd\xff\xff\xff\xff", b"\xdf\x7f\xff\xff\xff", b"\xdb\xff\xff\xff\xff"):
        assert refused(unpack, data)


def test_the_number_of_values_is_bounded():
    data = pack([{}] * 100)
    assert unpack(data, 101) == [{}] * 100
    assert refused(unpack, data, 100)


def test_joined_parts_are_the_packed_list():
    for count in (0, 1, 15, 16, 300):
        items = [{"n": n} for n in range(count)]
        assert join([pack(item) for item in items]) == pack(items)

"""The portable packer beside the package that everybody uses."""

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st

from tilld_core.packing import INT_MAX, INT_MIN, PackingError, pack, unpack

scalars = (
    st.none()
    | st.booleans()
    | st.integers(INT_MIN, INT_MAX)
    | st.text(max_size=300)
    | st.binary(max_size=300)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner),
    max_leaves=30,
)


@given(values)
@settings(derandomize=True, max_examples=300)
def test_the_bytes_are_those_of_msgpack_and_each_reads_the_other(value):
    assert pack(value) == msgpack.packb(value)
    assert unpack(msgpack.packb(value)) == value
    assert msgpack.unpackb(pack(value)) == value


@given(st.binary(max_size=60))
@settings(derandomize=True, max_examples=1000)
def test_any_bytes_give_a_value_or_the_typed_error(data):
    try:
        value = unpack(data)
    except PackingError:
        return
    assert msgpack.unpackb(data) == value


def test_lengths_at_every_border_are_spelled_alike():
    for size in (0, 15, 16, 31, 32, 255, 256, 65535, 65536):
        for value in ("x" * size, b"x" * size, [0] * size, {str(n): n for n in range(size)}):
            assert pack(value) == msgpack.packb(value)

"""daemon/TILL_SOCKET.md says what the sources say, and every promise in it names its test."""

import re

import msgpack
import pytest

from tilld_core.messages import PAYMENT_KEYS, REFUND_KEYS
from tilld_testkit import rpc, till_tables

TEXT = till_tables.DOCUMENT.read_text("utf-8")
TESTS = till_tables.DOCUMENT.parents[1] / "tests"


def test_tables_example_and_conversation_are_those_of_the_sources():
    assert till_tables.filled(TEXT) == TEXT, "run: python -m tilld_testkit.till_tables"


@pytest.mark.parametrize("part", sorted(till_tables.PARTS))
def test_every_part_stands_in_the_document_once(part):
    assert TEXT.count(f"<!-- {part} -->") == 1


def test_the_conversations_bytes_are_its_messages():
    """Read back by two decoders, packed again by two encoders."""
    block = TEXT.split("<!-- conversation -->")[1].split("<!-- end -->")[0]
    told = till_tables.conversation()
    below = re.findall(r"^till.+\n((?: {6}[0-9a-f ]+\n)+)", block, re.MULTILINE)
    packed = [bytes.fromhex("".join(lines.split())) for lines in below]
    assert len(packed) == len(told)
    for data, (_, message) in zip(packed, told, strict=True):
        reader = rpc.Reader()
        reader.feed(data)
        assert reader.values() == [message]
        assert msgpack.unpackb(data) == message
        assert msgpack.packb(message) == data == rpc.pack(message)


def test_the_conversations_payments_have_every_key():
    for who, message in till_tables.conversation():
        if who == "tilld" and message[3] and "payment" in message[3]:
            assert tuple(message[3]) == PAYMENT_KEYS


@pytest.mark.parametrize("keys", [PAYMENT_KEYS, REFUND_KEYS])
def test_every_key_of_a_result_is_listed(keys):
    row = "payment" if keys is PAYMENT_KEYS else "refund"
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| {row} |")]
    for key in keys:
        assert f"`{key}`" in line or f"`{key} {{" in line


def test_every_sentence_of_the_small_print_names_a_test_that_exists():
    small_print = TEXT.split("## Small print")[1]
    sentences = [line for line in small_print.splitlines() if line.startswith("- ")]
    named = [re.findall(r"\(`(test_\w+)`\)$", line) for line in sentences]
    assert all(named), "a sentence without its test"
    defined = set()
    for path in TESTS.glob("*/test_*.py"):
        defined |= set(re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE))
    assert {name for (name,) in named} <= defined

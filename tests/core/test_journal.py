from tilld_core import journal
from tilld_core.journal import (
    BODY_MAX,
    CLEAN,
    COPIED,
    DAMAGED,
    FORMAT,
    HEADER_SIZE,
    MAGIC,
    PAGE,
    TORN,
    Head,
    NewerFormat,
    TooLarge,
)
from tilld_core.journal_reader import Reader, guess_head

HEAD = Head(7, 0xC0FFEE, 0)


class Paper:
    """A segment in memory, and the tail of the journal on it."""

    def __init__(self, head=HEAD, pages=4):
        self.head = head
        self.bytes = bytearray(pages * PAGE)
        self.tail = journal.first_tail(head)

    def put(self, write):
        self.bytes[write.offset : write.offset + len(write.data)] = write.data
        self.tail = write.tail
        return write

    def append(self, *records):
        return self.put(journal.append(self.tail, journal.body(list(records))))

    def mark(self, *records):
        return self.put(journal.mark(self.tail, journal.body(list(records))))

    def read(self, damage=""):
        reader = Reader(self.head, damage=damage)
        for at in range(PAGE, len(self.bytes), PAGE):
            reader.take(bytes(self.bytes[at : at + PAGE]))
        return reader.end()

    def flip(self, at, bit=0):
        self.bytes[at] ^= 1 << bit


def written(*batches):
    paper = Paper()
    writes = [paper.append(*batch) for batch in batches]
    return paper, writes


def test_an_empty_segment_holds_nothing_and_is_clean():
    found = Paper().read()
    assert (found.records, found.verdict, found.tail.sequence) == ([], CLEAN, 1)


def test_batches_come_back_in_order():
    paper, _ = written([1, "two"], [{"three": 3}], [None])
    found = paper.read()
    assert found.records == [1, "two", {"three": 3}, None]
    assert found.verdict == CLEAN
    assert found.tail == paper.tail


def test_an_append_is_one_write_of_the_frame_twice_within_a_page():
    paper = Paper()
    for number in range(20):
        write = paper.append("x" * (37 * number))
        half = len(write.data) // 2
        assert write.data[:half] == write.data[half:]
        assert write.offset // PAGE == (write.offset + len(write.data) - 1) // PAGE


def test_the_largest_batch_fits_and_a_larger_one_is_refused():
    largest = b"x" * (BODY_MAX - 4)
    paper, writes = written([largest], [largest])
    assert [write.offset for write in writes] == [PAGE, 2 * PAGE]
    assert paper.read().records == [largest, largest]
    size_bytes = 0
    try:
        journal.body([largest + b"x"])
    except TooLarge as error:
        size_bytes = error.size_bytes
    assert size_bytes == BODY_MAX + 1


def test_the_last_record_is_read_from_its_copy_whichever_bit_is_flipped():
    paper, writes = written(["first"], ["last"])
    start = writes[1].offset
    for at in range(start, start + len(writes[1].data) // 2):
        for bit in range(8):
            paper.flip(at, bit)
            found = paper.read()
            assert (found.records, found.verdict) == (["first", "last"], COPIED), (at, bit)
            paper.flip(at, bit)


def test_a_repair_puts_the_bad_frame_right():
    paper, writes = written(["first"], ["last"])
    paper.flip(writes[1].offset + HEADER_SIZE)
    for offset, data in paper.read().repairs:
        paper.bytes[offset : offset + len(data)] = data
    assert paper.read().verdict == CLEAN


def test_a_bit_flipped_in_the_copy_looks_like_a_torn_tail_and_loses_nothing():
    paper, writes = written(["first"], ["last"])
    paper.flip(writes[1].offset + len(writes[1].data) - 1)
    found = paper.read()
    assert (found.records, found.verdict) == (["first", "last"], TORN)


def test_an_append_torn_at_any_byte_is_found_whole_or_not_at_all():
    paper, _ = written(["first"])
    before = bytes(paper.bytes)
    write = paper.append("second")
    for size in range(len(write.data) + 1):
        paper.bytes = bytearray(before)
        paper.bytes[write.offset : write.offset + size] = write.data[:size]
        found = paper.read()
        whole = size >= len(write.data) // 2
        assert found.records == (["first", "second"] if whole else ["first"]), size
        assert found.verdict in ((CLEAN, TORN) if size else (CLEAN,))


def test_a_lost_frame_before_a_good_one_is_damage_and_the_rest_is_salvaged():
    paper, writes = written(["a"], ["b"], ["c"], ["d"])
    paper.flip(writes[1].offset + HEADER_SIZE + 1)
    found = paper.read()
    assert (found.records, found.salvaged, found.verdict) == (["a"], ["c", "d"], DAMAGED)
    assert found.damage == "frame 2 is lost"


def test_a_lost_frame_before_a_torn_one_is_damage_too():
    paper, writes = written(["a"], ["b"], ["c"])
    paper.flip(writes[1].offset + HEADER_SIZE)
    size = len(writes[2].data) // 2
    end = writes[2].offset + 2 * size
    paper.bytes[writes[2].offset + size - 1 : end] = bytes(size + 1)
    found = paper.read()
    assert (found.records, found.verdict) == (["a"], DAMAGED)


def test_appends_after_damage_go_behind_all_evidence_and_are_found_again():
    paper, writes = written(["a"], ["b"], ["c"])
    paper.flip(writes[1].offset + HEADER_SIZE)
    before = bytes(paper.bytes)
    paper.tail = paper.read().tail
    paper.append("d")
    assert paper.bytes[: 2 * PAGE] == before[: 2 * PAGE]
    found = paper.read()
    assert (found.records, found.salvaged, found.verdict) == (["a"], ["c", "d"], DAMAGED)


def test_marked_records_are_found_behind_the_rest_until_an_append_carries_them():
    paper, _ = written(["a"])
    paper.mark("m")
    assert (paper.read().records, paper.read().marked) == (["a"], ["m"])
    paper.append("m", "b")
    assert (paper.read().records, paper.read().marked) == (["a", "m", "b"], [])


def test_a_mark_leaves_the_last_record_doubled():
    paper, writes = written(["a"])
    paper.mark("m")
    paper.flip(writes[0].offset)
    found = paper.read()
    assert (found.records, found.marked, found.verdict) == (["a"], ["m"], COPIED)


def test_a_mark_left_on_the_next_page_is_not_read_a_second_time():
    paper, _ = written(["a" * 1000])
    paper.mark("m" * 1100)  # no room behind the copy: next page
    assert paper.read().marked == ["m" * 1100]
    paper.append("m" * 1100, "b")  # but the pair fits over the copy
    found = paper.read()
    assert found.tail.offset < 2 * PAGE
    assert (found.records, found.marked) == (["a" * 1000, "m" * 1100, "b"], [])
    assert found.verdict == CLEAN


def test_frames_of_another_generation_or_salt_are_never_read():
    for other in (Head(6, HEAD.salt, 0), Head(7, HEAD.salt + 1, 0)):
        paper = Paper(other)
        for name in ("x", "y", "z"):
            paper.append(name)
        paper.head, paper.tail = HEAD, journal.first_tail(HEAD)
        paper.append("a")
        assert (paper.read().records, paper.read().verdict) == (["a"], CLEAN)


def test_a_frame_forged_inside_a_field_is_data():
    other = Paper(Head(7, 1, 0))
    paper, _ = written([bytes(other.append("forged").data)])
    found = paper.read()
    assert (len(found.records), found.verdict) == (1, CLEAN)


def test_a_snapshot_that_is_not_whole_is_damage():
    paper = Paper(Head(7, 1, 3))
    for number in range(3):
        paper.put(journal.snapshot(paper.tail, journal.body([number])))
    assert (paper.read().records, paper.read().verdict) == ([0, 1, 2], CLEAN)
    paper.flip(paper.tail.offset - 1)
    assert (paper.read().records, paper.read().verdict) == ([0, 1], DAMAGED)


def test_the_head_is_read_from_its_copy_whichever_bit_is_flipped():
    page = bytearray(PAGE)
    data = journal.head_page(HEAD)
    page[: len(data)] = data
    assert journal.read_head(bytes(page)) == HEAD
    for at in range(len(data) // 2):
        for bit in range(8):
            page[at] ^= 1 << bit
            assert journal.read_head(bytes(page)) == Head(7, HEAD.salt, 0, True), (at, bit)
            page[at] ^= 1 << bit


def test_a_page_without_a_whole_head_has_none():
    assert journal.read_head(bytes(PAGE)) is None
    data = journal.head_page(Head(7, 1, 3))
    half = data[: len(data) // 2 - 1]
    assert journal.read_head(half + bytes(PAGE - len(half))) is None


def later_release(data):
    """The same bytes as a release with the next format would write them."""
    changed = bytearray(data)
    at = data.find(MAGIC)
    while at >= 0:
        changed[at + 2] = FORMAT + 1
        at = data.find(MAGIC, at + 1)
    return bytes(changed)


def test_a_head_of_a_later_format_is_refused_with_both_numbers():
    data = later_release(journal.head_page(HEAD))
    words = ""
    try:
        journal.read_head(data + bytes(PAGE - len(data)))
    except NewerFormat as error:
        words = str(error)
    assert str(FORMAT + 1) in words
    assert str(FORMAT) in words


def test_a_lost_head_is_guessed_from_the_frames():
    paper, _ = written(["a"], ["b"])
    assert guess_head(bytes(paper.bytes[PAGE : 2 * PAGE])) == HEAD
    assert guess_head(bytes(PAGE)) is None
    found = paper.read("both heads are lost")
    assert (found.records, found.salvaged, found.verdict) == ([], ["a", "b"], DAMAGED)


def test_a_body_that_is_whole_but_unreadable_is_damage():
    paper, _ = written(["a"])
    paper.put(journal.append(paper.tail, b"\xc1"))
    paper.append("c")
    found = paper.read()
    assert (found.records, found.salvaged, found.verdict) == (["a"], ["c"], DAMAGED)


def test_no_append_ever_uses_more_than_its_worst_cost():
    for size in (1, 100, 333, 700, 1000, 1364, 1365, 1500, BODY_MAX):
        tail = Paper().tail
        for _ in range(20):
            after = journal.append(tail, b"x" * size).tail
            assert after.offset - tail.offset <= journal.worst_cost_bytes(size)
            tail = after

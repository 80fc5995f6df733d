import msgpack
import pytest

from tilld_core.journal import BODY_MAX, CLEAN, COPIED, DAMAGED, PAGE, TORN, NewerFormat, TooLarge
from tilld_core.packing import PackingError
from tilld_daemon.store import JournalFull, Store
from tilld_hal.drivers import storage_dummy, storage_linux_file
from tilld_hal.drivers.storage_dummy import PowerCut
from tilld_hal.errors import StorageFault

SIZE = 2 * 9 * PAGE


def opened(device):
    store = Store(device, unpack=msgpack.unpackb)
    return store, store.recover()


def fresh(size=SIZE, **faults):
    return opened(storage_dummy.open_device(size, **faults))[0]


def restarted(store):
    """What the next process finds on the same device."""
    return opened(store.device.after_restart())


def after_dark(store):
    """What is found when the power took everything that was not flushed."""
    return opened(store.device.after_cut("none"))


def fill(store, batch):
    """Appends the batch until it is refused."""
    with pytest.raises(JournalFull) as full:  # noqa: PT012 - which turn is refused is not the point
        while True:
            store.append(batch)
    assert full.value.needed_bytes > 0


def sized(size):
    """A record whose batch packs to ``size`` bytes."""
    return b"x" * (size - 4)


def test_new_storage_becomes_an_empty_journal():
    store, found = opened(storage_dummy.open_device(SIZE))
    assert (found.records, found.verdict, found.new) == ([], CLEAN, True)
    assert not after_dark(store)[1].new


def test_a_record_is_on_flash_when_append_returns_for_one_write_and_one_flush():
    store = fresh()
    before = (store.counts.writes, store.counts.flushes)
    store.append([{"n": 1}])
    assert (store.counts.writes - before[0], store.counts.flushes - before[1]) == (1, 1)
    assert after_dark(store)[1].records == [{"n": 1}]


def test_every_batch_is_found_in_order_after_many_lives():
    store = fresh()
    expected = []
    for number in range(12):
        store.append([{"n": number}, {"also": number}])
        expected += [{"n": number}, {"also": number}]
        store, found = after_dark(store)
        assert (found.records, found.verdict) == (expected, CLEAN)


def test_marked_records_cost_no_flush_and_survive_the_process_but_not_the_power():
    store = fresh()
    store.append(["sure"])
    flushes = store.counts.flushes
    store.mark(["one"])
    store.mark(["two"])
    assert store.counts.flushes == flushes
    assert after_dark(store)[1].records == ["sure"]
    store, found = restarted(store)
    assert found.records == ["sure", "one", "two"]
    assert after_dark(store)[1].records == ["sure", "one", "two"]


def test_the_next_append_carries_the_marked_records_in_their_order():
    store = fresh()
    store.mark(["marked"])
    flushes = store.counts.flushes
    store.append(["appended"])
    assert store.counts.flushes == flushes + 1
    assert after_dark(store)[1].records == ["marked", "appended"]


def test_marked_records_too_large_for_the_next_frame_go_first_in_their_own():
    store = fresh()
    store.mark([sized(1200)])
    flushes = store.counts.flushes
    store.append([sized(1500)])
    assert store.counts.flushes == flushes + 2
    assert after_dark(store)[1].records == [sized(1200), sized(1500)]


def test_more_marks_than_a_frame_holds_are_flushed():
    store = fresh()
    for letter in "abc":
        store.mark([letter * 900])
    store, found = restarted(store)
    assert found.records == ["a" * 900, "b" * 900, "c" * 900]


def test_a_batch_larger_than_a_frame_is_refused_and_nothing_is_written():
    store = fresh()
    writes = store.counts.writes
    for call in (store.append, store.mark, store.compact):
        with pytest.raises(TooLarge):
            call([sized(BODY_MAX + 1)])
    with pytest.raises(PackingError):
        store.append([1.5])
    assert store.counts.writes == writes
    store.append([sized(BODY_MAX)])


def test_nothing_is_appended_before_recovery():
    with pytest.raises(StorageFault):
        Store(storage_dummy.open_device(SIZE)).append([1])


@pytest.mark.parametrize("operation", [3, 4])
def test_after_a_fault_every_call_raises_it_without_touching_the_device(operation):
    store = fresh(fail_at=operation, fails_with="ENOSPC")
    calls = (store.append, store.append, store.mark, store.compact)
    for call in calls:
        with pytest.raises(StorageFault) as fault:
            call([1])
        assert fault.value.errno_name == "ENOSPC"
    with pytest.raises(StorageFault):
        store.reserve(10)
    assert store.device.operations == operation


def test_a_record_that_failed_to_flush_is_made_sure_by_the_next_process():
    store = fresh(fail_at=4)
    with pytest.raises(StorageFault):
        store.append(["decision"])
    assert after_dark(store)[1].records == []
    store, found = restarted(store)
    assert found.records == ["decision"]
    assert after_dark(store)[1].records == ["decision"]


def test_a_journal_that_can_be_read_but_not_written_says_which_records_are_unproven():
    store = fresh()
    store.append(["old"])
    store.append(["last", "also last"])
    device = store.device.after_restart(fail_at=1)
    store, found = opened(device)
    assert found.records == ["old", "last", "also last"]
    assert found.unproven == 2
    assert found.fault is not None
    with pytest.raises(StorageFault):
        store.append(["more"])


def test_compaction_leaves_the_live_records_and_gives_back_the_room():
    store = fresh()
    for number in range(20):
        store.append([{"n": number, "text": "x" * 200}])
    store.mark(["marked"])
    room = store.room_bytes
    store.compact([{"n": 19}, {"n": 18}])
    assert store.room_bytes > room + 20 * 200
    store.append(["after"])
    store, found = after_dark(store)
    assert (found.records, found.verdict) == ([{"n": 19}, {"n": 18}, "after"], CLEAN)
    assert found.generation == 2


def test_generations_follow_each_other_over_the_same_two_segments():
    store = fresh()
    for generation in range(2, 9):
        store.append(["x" * 400] * 3)
        store.compact([{"generation": generation}])
        store, found = after_dark(store)
        assert (found.records, found.generation) == ([{"generation": generation}], generation)


def test_a_compaction_that_lost_power_leaves_the_old_generation_or_the_new_one():
    first = fresh()
    first.append(["old"] * 3)
    recovery = restarted(first)[0].device.operations
    for operation in range(1, 7):
        store, _ = opened(first.device.after_cut("all", cut_at=recovery + operation))
        with pytest.raises(PowerCut):
            store.compact(["new"])
        for keeps in ("none", "all"):
            store_after, found = opened(store.device.after_cut(keeps))
            assert found.records in (["old"] * 3, ["new"]), (operation, keeps)
            store_after.compact(["again"])
            assert after_dark(store_after)[1].records == ["again"]


def test_an_older_generation_never_answers_for_a_lost_head():
    store = fresh()
    store.append(["old"])
    store.compact(["new"])
    store.device.write(1, 0, bytes(200))
    store.device.flush(1)
    store, found = after_dark(store)
    assert (found.records, found.salvaged, found.verdict) == ([], ["new"], DAMAGED)


def flipped(store, byte, segment=0):
    return opened(store.device.with_bit_flipped(segment, 8 * byte))


def test_a_bit_flipped_in_the_last_record_is_repaired():
    store = fresh()
    store.append(["first"])
    store.append(["last"])
    store, found = flipped(store, store.used_bytes - 1)
    assert (found.records, found.verdict) == (["first", "last"], COPIED)
    assert after_dark(store)[1].verdict == CLEAN


def test_a_bit_flipped_behind_the_tail_is_harmless():
    store = fresh()
    store.append(["only"])
    _, found = flipped(store, store.used_bytes + 3)
    assert (found.records, found.verdict) == (["only"], TORN)


def test_damage_is_reported_and_kept_until_a_person_accepts_the_loss():
    store = fresh()
    for name in ("a", "b", "c"):
        store.append([name])
    store, found = flipped(store, PAGE + 5)
    assert (found.records, found.salvaged, found.verdict) == ([], ["b", "c"], DAMAGED)
    assert found.damage
    store.append(["cancel goes on"])
    store, found = after_dark(store)
    assert (found.salvaged, found.verdict) == (["b", "c", "cancel goes on"], DAMAGED)
    assert not store.needs_compaction
    with pytest.raises(ValueError, match="accepted"):
        store.compact(["b"])
    store.compact(["b"], accept_damage=True)
    assert after_dark(store)[1].verdict == CLEAN


def test_storage_full_of_rubbish_is_never_formatted():
    device = storage_dummy.open_device(SIZE)
    device.write(0, PAGE, b"rubbish")
    device.flush(0)
    store, found = opened(device)
    assert (found.records, found.verdict) == ([], DAMAGED)
    with pytest.raises(StorageFault):
        store.append([1])
    assert device.operations == 2


def test_a_journal_of_a_later_release_is_refused_and_left_alone():
    store = fresh()
    page = bytearray(store.device.read(0, 0, 200))
    half = bytes(page).find(page[:2], 1)
    page[2] = page[half + 2] = 2
    store.device.write(0, 0, bytes(page))
    device = store.device.after_restart()
    with pytest.raises(NewerFormat):
        Store(device).recover()
    assert device.operations == 0


def test_what_is_reserved_can_always_be_appended_on_a_full_journal():
    store = fresh()
    record = [sized(700)]
    needed = 5 * store.cost_bytes(record)
    store.reserve(needed)
    fill(store, [sized(300)])
    for _ in range(5):
        store.append(record, reserved=store.cost_bytes(record))
    assert store.reserved_bytes == 0
    assert after_dark(store)[1].records[-5:] == record * 5


def test_marked_records_find_their_room_on_a_full_journal():
    store = fresh()
    store.mark(["m" * 300])
    fill(store, [sized(900)])
    store, found = restarted(store)
    assert found.records[0] == "m" * 300


def test_a_reservation_without_room_compacts_and_then_fits():
    store = fresh()
    fill(store, [{"n": 1, "text": "x" * 500}])
    with pytest.raises(JournalFull):
        store.reserve(9000)
    store.reserve(9000, live=lambda: ["little"])
    assert store.reserved_bytes == 9000
    assert after_dark(store)[1].records == ["little"]


def test_a_reservation_that_does_not_fit_even_then_is_refused_and_writes_nothing():
    store = fresh()
    live = [{"n": number, "text": "x" * 500} for number in range(45)]
    for record in live:
        store.append([record])
    writes = store.counts.writes
    with pytest.raises(JournalFull) as full:
        store.reserve(9000, live=lambda: live)
    assert full.value.needed_bytes > full.value.room_bytes
    assert store.counts.writes == writes
    assert after_dark(store)[1].records == live


def test_a_compaction_never_eats_what_is_reserved():
    store = fresh()
    store.reserve(store.room_bytes - 2000)
    with pytest.raises(JournalFull):
        store.compact(["x" * 1500] * 3)
    store.compact(["x" * 1500])


def test_released_room_is_free_again_and_no_more_than_was_reserved_can_be_released():
    store = fresh()
    room = store.room_bytes
    store.reserve(500)
    assert store.room_bytes == room - 500
    store.release(500)
    assert store.room_bytes == room
    with pytest.raises(ValueError, match="reserved"):
        store.release(1)


def test_compaction_is_asked_for_when_little_is_left_and_not_again_at_once():
    store = fresh()
    assert not store.needs_compaction
    while not store.needs_compaction:
        store.append(["x" * 900])
    assert store.room_bytes < store.device.segment_size // 4
    store.compact(["x" * 900] * 24)
    assert not store.needs_compaction


def test_it_works_alike_on_a_real_file(tmp_path):
    folder = str(tmp_path)
    for life in range(3):
        store, found = opened(storage_linux_file.open_device(folder, SIZE))
        assert found.records == [{"life": done} for done in range(life)]
        store.append([{"life": life}])
        store.close()

import pytest

from tilld_hal.catalogue import open_driver
from tilld_hal.drivers.storage_dummy import SECTOR, PowerCut, open_device
from tilld_hal.errors import StorageFault
from tilld_hal.storage import PAGE


def dark(**settings):
    """A device that lost power during its second operation, a write of 2 sectors, after a flush."""
    device = open_device(cut_at=3, **settings)
    device.write(0, 0, b"old" * 1000)
    device.flush(0)
    with pytest.raises(PowerCut):
        device.write(0, 0, b"N" * (2 * SECTOR))
    return device


def test_what_was_flushed_survives_and_what_was_not_may():
    device = dark()
    assert device.after_cut("none").read(0, 0, 6) == b"oldold"
    assert device.after_cut("all").read(0, 0, 6) == b"NNNNNN"


def test_a_write_is_torn_at_the_byte_that_is_asked_for():
    device = dark()
    assert device.after_cut("torn:4").read(0, 0, 8) == b"NNNNldol"
    assert device.after_cut("tail:4").read(0, 0, 8) == b"oldoNNNN"


def test_any_subset_of_the_unflushed_sectors_can_be_kept():
    device = dark()
    assert device.unflushed_sectors() == [(0, 0), (0, SECTOR)]
    second = device.after_cut("sectors:2")
    assert second.read(0, 0, 3) == b"old"
    assert second.read(0, SECTOR, 3) == b"NNN"


def test_it_stays_dark_after_the_cut():
    device = dark()
    for call in (lambda: device.read(0, 0, 1), lambda: device.flush(0)):
        with pytest.raises(PowerCut):
            call()


def test_the_next_process_sees_what_was_never_flushed():
    device = dark()
    assert device.after_restart().read(0, 0, 3) == b"NNN"


def test_a_lying_device_says_yes_and_keeps_nothing():
    device = open_device(lies=True)
    device.write(0, 0, b"new")
    device.flush(0)
    assert device.after_cut("none").read(0, 0, 3) == bytes(3)


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EROFS"])
def test_it_fails_at_the_operation_it_was_told_and_is_poisoned(name):
    device = open_device(fail_at=2, fails_with=name)
    device.write(0, 0, b"a")
    for call in (lambda: device.flush(0), lambda: device.write(0, 0, b"b")):
        with pytest.raises(StorageFault) as fault:
            call()
        assert fault.value.errno_name == name
    assert device.operations == 2


def test_a_short_write_leaves_half_of_its_bytes():
    device = open_device(fail_at=1, fails_with="short")
    with pytest.raises(StorageFault):
        device.write(0, 0, b"abcd")
    assert device.read(0, 0, 4) == b"ab\0\0"


def test_a_failed_flush_shows_bytes_that_a_later_good_flush_never_writes():
    device = open_device(fail_at=2)
    device.write(0, 0, b"new")
    with pytest.raises(StorageFault):
        device.flush(0)
    again = device.after_restart()
    again.flush(0)
    assert again.read(0, 0, 3) == b"new"
    assert again.after_cut("none").read(0, 0, 3) == bytes(3)


def test_one_bit_can_be_flipped():
    device = open_device()
    assert device.with_bit_flipped(1, 8 * PAGE + 3).read(1, PAGE, 1) == b"\x08"


def test_the_catalogue_opens_it_with_its_faults():
    device = open_driver("storage", "dummy", {"size": 32768, "fail_at": 1})
    with pytest.raises(StorageFault):
        device.write(0, 0, b"x")

import fcntl
import os
import pathlib
import stat
import subprocess
import sys

import pytest

from tilld_hal.catalogue import BadSetting, check_settings, open_driver
from tilld_hal.drivers.storage_linux_file import FILE_NAME, SIZE_MIN, open_device
from tilld_hal.errors import Busy, Gone, Refused, StorageFault
from tilld_hal.storage import PAGE, SEGMENTS

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "journal-folder")


@pytest.fixture
def device(folder):
    device = open_device(folder, SIZE_MIN)
    yield device
    device.close()


def test_a_new_journal_is_zeros_of_the_size_asked_for(folder, device):
    assert device.segment_size == SIZE_MIN // SEGMENTS
    for segment in range(SEGMENTS):
        assert device.read(segment, 0, device.segment_size) == bytes(device.segment_size)
    assert os.listdir(folder) == [FILE_NAME]


def test_every_block_is_really_there_so_that_a_full_disk_cannot_refuse_a_write(folder, device):
    found = os.stat(os.path.join(folder, FILE_NAME))
    assert found.st_blocks * 512 >= SIZE_MIN


def test_only_the_owner_may_read_it(folder, device):
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(os.path.join(folder, FILE_NAME)).st_mode) == 0o600


def test_a_journal_that_others_could_read_is_closed_to_them(folder, device):
    device.close()
    os.chmod(os.path.join(folder, FILE_NAME), 0o644)
    open_device(folder, SIZE_MIN).close()
    assert stat.S_IMODE(os.stat(os.path.join(folder, FILE_NAME)).st_mode) == 0o600


def test_what_was_written_is_read_by_the_next_process(folder, device):
    device.write(1, PAGE, b"second segment")
    device.flush(1)
    device.close()
    again = open_device(folder, SIZE_MIN)
    assert again.read(1, PAGE, 14) == b"second segment"
    assert again.read(0, PAGE, 14) == bytes(14)
    again.close()


def test_a_second_opener_is_told_that_it_is_busy(folder, device):
    with pytest.raises(Busy):
        open_device(folder, SIZE_MIN)
    device.close()
    open_device(folder, SIZE_MIN).close()


def test_no_child_inherits_it(device, folder):
    held = [fd for fd in map(int, os.listdir("/proc/self/fd")) if _is_ours(fd, folder)]
    assert len(held) == 2
    for fd in held:
        assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


def _is_ours(fd, folder):
    path = f"/proc/self/fd/{fd}"
    return os.path.islink(path) and os.readlink(path).startswith(folder)


def test_another_size_than_the_one_it_was_made_with_is_refused_with_both(folder, device):
    device.close()
    with pytest.raises(Refused) as refused:
        open_device(folder, 2 * SIZE_MIN)
    assert str(SIZE_MIN) in refused.value.reason
    assert str(2 * SIZE_MIN) in refused.value.reason


def test_a_size_is_rounded_down_to_whole_pages(folder):
    device = open_device(folder, SIZE_MIN + 5000)
    assert device.segment_size == SIZE_MIN // SEGMENTS
    device.close()


def test_a_file_left_half_made_is_made_anew(folder):
    os.mkdir(folder)
    pathlib.Path(folder, "journal.new").write_bytes(b"rubbish")
    device = open_device(folder, SIZE_MIN)
    assert device.read(0, 0, 7) == bytes(7)
    assert os.listdir(folder) == [FILE_NAME]
    device.close()


def test_a_folder_whose_parent_is_missing_is_gone(tmp_path):
    with pytest.raises(Gone):
        open_device(str(tmp_path / "no" / "such"), SIZE_MIN)


def test_a_link_in_place_of_the_file_is_not_followed(folder, tmp_path):
    os.mkdir(folder)
    os.symlink(tmp_path / "elsewhere", os.path.join(folder, FILE_NAME))
    with pytest.raises(StorageFault):
        open_device(folder, SIZE_MIN)


def test_bytes_outside_a_segment_are_a_bug_of_the_caller(device):
    for segment, offset in ((0, device.segment_size), (2, 0), (0, -1)):
        with pytest.raises(ValueError, match="segment"):
            device.write(segment, offset, b"x")


def test_a_closed_journal_faults_and_may_be_closed_again(device):
    device.close()
    device.close()
    with pytest.raises(StorageFault):
        device.read(0, 0, 1)


def test_the_catalogue_checks_its_settings(tmp_path):
    with pytest.raises(BadSetting):
        check_settings("storage", "linux-file", {"path": str(tmp_path), "size": 100})
    open_driver("storage", "linux-file", {"path": str(tmp_path), "size": SIZE_MIN}).close()


# What a failing disk does is injected by the kernel's own tracer, in a process of its own.

CHILD = """
import sys
from tilld_hal.drivers.storage_linux_file import SIZE_MIN, open_device
from tilld_hal.errors import StorageFault

def tried(call, *args):
    try:
        call(*args)
        return "done"
    except StorageFault as fault:
        return fault.errno_name

print("ready", flush=True)
try:
    device = open_device(sys.argv[1], SIZE_MIN)
except StorageFault as fault:
    print(fault.errno_name)
    sys.exit()
print(tried(device.write, 0, 0, b"a" * 100), tried(device.flush, 0),
      tried(device.write, 0, 0, b"b" * 100), tried(device.flush, 0), tried(device.read, 0, 0, 1))
"""


def under_fault(folder, *injections):
    """What the child says, and its system calls on the journal, with these faults injected."""
    log = folder + ".strace"
    faults = [part for one in injections for part in ("-e", "inject=" + one)]
    command = ["strace", "-f", "-o", log, "-e", "trace=pwrite64,fdatasync,fsync,openat,unlinkat"]
    environment = {"PYTHONPATH": f"{ROOT}/firmware:{ROOT}/hal", "PATH": os.environ["PATH"]}
    child = subprocess.run(
        [*command, *faults, sys.executable, "-c", CHILD, folder],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return child.stdout.split()[1:], pathlib.Path(log).read_text().splitlines()


def made(folder):
    open_device(folder, SIZE_MIN).close()


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EROFS"])
def test_a_failed_flush_poisons_it_and_is_never_repeated(folder, name):
    made(folder)
    said, calls = under_fault(folder, f"fdatasync:error={name}:when=1")
    assert said == ["done", name, name, name, "done"]
    assert len([call for call in calls if "fdatasync(" in call]) == 1
    assert len([call for call in calls if "pwrite64(" in call]) == 1


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EROFS"])
def test_a_failed_write_poisons_it(folder, name):
    made(folder)
    said, calls = under_fault(folder, f"pwrite64:error={name}:when=1")
    assert said == [name, name, name, name, "done"]
    assert not [call for call in calls if "fdatasync(" in call]


def test_a_short_write_poisons_it(folder):
    made(folder)
    said, _ = under_fault(folder, "pwrite64:retval=40:when=1")
    assert said == ["EIO", "EIO", "EIO", "EIO", "done"]


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("pwrite64:error=ENOSPC:when=1", "ENOSPC"),
        ("fsync:error=ENOSPC:when=1", "ENOSPC"),  # of the zeros
        ("fsync:error=EIO:when=2", "EIO"),  # of the name
    ],
)
def test_a_disk_too_full_for_a_new_journal_leaves_nothing_that_passes_for_one(folder, fault, name):
    os.mkdir(folder)
    said, _ = under_fault(folder, fault)
    assert said == [name]
    assert os.listdir(folder) == []
    made(folder)


def test_a_journal_on_a_disk_gone_read_only_can_still_be_read(folder):
    made(folder)
    # the first open of the file for writing is refused as a read-only disk refuses it
    _, calls = under_fault(folder)
    opens = [call for call in calls if "openat(" in call]
    turn = next(at for at, call in enumerate(opens) if '"journal"' in call) + 1
    said, _ = under_fault(folder, f"openat:error=EROFS:when={turn}")
    # it is never written; a flush says whether what can be read is on flash
    assert said == ["EROFS", "done", "EROFS", "done", "done"]

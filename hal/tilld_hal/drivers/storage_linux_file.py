"""The journal's storage in one preallocated file on a Linux file system.

Preallocated means: zeros were written and are on flash before the file gets its name.  From then
on a write changes bytes in place, so it needs no new block, no longer file and no second flush,
and a full disk cannot refuse it (lessons.md).
"""

import errno
import fcntl
import os

from tilld_hal.errors import Busy, Gone, Refused, StorageFault
from tilld_hal.storage import PAGE, SEGMENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

MATURITY = "bench"
SEEN_WITH = ("ext4",)

SIZE_MIN = SEGMENTS * 4 * PAGE
SIZE_MAX = 1 << 30
ALLOWED = {"size": range(SIZE_MIN, SIZE_MAX + 1)}

FILE_NAME = "journal"
UNFINISHED_NAME = "journal.new"  # never opened, only written anew
_ZEROS = b"\0" * (1 << 16)


def open_device(path: "str", size: "int" = 16 * 1024 * 1024) -> "FileStorage":
    """Opens the journal in the folder ``path``, or makes one of ``size`` bytes (whole pages of
    it) there.

    The folder (0700) is made if its parent exists; the file is 0600.  Raises ``Busy`` when another
    process has it, ``Gone`` when the folder can't be had, ``Refused`` when the file that is there
    has another size, ``StorageFault`` when the disk is full or fails; no half-made journal is left
    under its name.
    """
    size -= size % (SEGMENTS * PAGE)
    folder = _lock_folder(path)
    try:
        file, fault = _open_file(folder, path, size)
    except BaseException:
        os.close(folder)
        raise
    return FileStorage(folder, file, size // SEGMENTS, fault)


class FileStorage:
    """``tilld_hal.storage.Storage`` in a file; both segments lie in it, one behind the other."""

    def __init__(
        self, folder: int, file: int, segment_size: int, unwritable: "StorageFault | None"
    ) -> None:
        self.segment_size = segment_size
        self._folder = folder  # open for its lock, which ends with it or with the process
        self._file = file
        self._unwritable = unwritable  # opened for reading alone: it can still be flushed
        self._poison: StorageFault | None = None

    def read(self, segment: int, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes; see ``tilld_hal.storage.Storage``."""
        place = self._place(segment, offset, size)
        parts = b""
        while len(parts) < size:
            try:
                part = os.pread(self._file, size - len(parts), place + len(parts))
            except OSError as error:
                raise _fault("the journal can't be read", error) from error
            if not part:
                raise StorageFault("the journal is shorter than it was made", "EIO")
            parts += part
        return parts

    def write(self, segment: int, offset: int, data: bytes) -> None:
        """Puts ``data`` there without a flush; see ``tilld_hal.storage.Storage``."""
        place = self._place(segment, offset, len(data))
        self._refuse_poisoned()
        if self._unwritable is not None:
            raise StorageFault(self._unwritable.reason, self._unwritable.errno_name)
        try:
            written = os.pwrite(self._file, data, place)
        except OSError as error:
            self._fail("the journal can't be written", error)
        if written != len(data):
            # in a preallocated file only a failing disk writes short
            self._fail("the journal was written short", OSError(errno.EIO, "short write"))

    def flush(self, segment: int) -> None:
        """Returns when the segment is on flash; see ``tilld_hal.storage.Storage``."""
        self._refuse_poisoned()
        try:
            os.fdatasync(self._file)
        except OSError as error:
            self._fail("the journal can't be flushed", error)

    def close(self) -> None:
        """Closes the file and lets go of the lock.  May be repeated."""
        file, folder, self._file, self._folder = self._file, self._folder, -1, -1
        for open_one in (file, folder):
            if open_one >= 0:
                os.close(open_one)

    def _place(self, segment: int, offset: int, size: int) -> int:
        if self._file < 0:
            raise StorageFault("the journal is closed", "EBADF")
        if segment not in range(SEGMENTS) or offset < 0 or offset + size > self.segment_size:
            raise ValueError(f"segment {segment} has no bytes {offset} to {offset + size}")
        return segment * self.segment_size + offset

    def _refuse_poisoned(self) -> None:
        if self._poison is not None:
            raise StorageFault(self._poison.reason, self._poison.errno_name)

    def _fail(self, words: str, error: OSError) -> "NoReturn":
        self._poison = _fault(words, error)
        raise self._poison from error


def _lock_folder(path: str) -> int:
    """The folder, made if need be, with the lock that keeps a second process out."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            _flush_folder(os.path.dirname(os.path.abspath(path)))
        folder = os.open(path, flags)
    except OSError as error:
        raise Gone(f"the folder {path} can't be had: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(folder)
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise Busy(f"another process has the journal in {path}") from error
        raise _fault(f"the folder {path} can't be locked", error) from error
    return folder


def _flush_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_file(folder: int, path: str, size: int) -> "tuple[int, StorageFault | None]":
    """The journal's file, made first if there is none, and the fault of one that can only be read:
    on a disk gone read-only the open cancels must still be found (I21)."""
    try:
        return _open_named(folder, size), None
    except FileNotFoundError:
        _make_file(folder, path, size)
    except OSError as error:
        fault = _fault(f"the journal in {path} can't be opened", error)
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise fault from error
        return _open_read_only(folder, size, fault), fault
    try:
        return _open_named(folder, size), None
    except OSError as error:
        raise _fault("the new journal can't be opened", error) from error


def _open_named(folder: int, size: int) -> int:
    """The file, and its name on flash: whoever made it may have died before that flush."""
    file = _open_made(folder, os.O_RDWR, size)
    try:
        os.fsync(folder)
    except OSError:
        os.close(file)
        raise
    return file


def _open_read_only(folder: int, size: int, fault: StorageFault) -> int:
    try:
        return _open_made(folder, os.O_RDONLY, size)
    except OSError as error:
        raise fault from error


def _open_made(folder: int, mode: int, size: int) -> int:
    """The file, whole and closed to everybody else.  Raises OSError and Refused."""
    file = os.open(FILE_NAME, mode | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    try:
        found = os.fstat(file)
        if found.st_size != size:
            raise Refused(f"the journal has {found.st_size} bytes, the setting size says {size}")
        if mode == os.O_RDWR and found.st_mode & 0o077:
            os.fchmod(file, 0o600)
        _forget_cache(file)
    except BaseException:
        os.close(file)
        raise
    return file


def _forget_cache(file: int) -> None:
    """What is read comes from flash, and single pages are cached.

    After a failed flush the system shows bytes as written that are not; dropping its clean pages
    lets recovery read the truth.  Unwritten (dirty) pages stay, so marked records survive.  Without
    read-ahead no page of the file lies in a large folio, of which one small write would make a
    whole MiB dirty (seen with ext4 on Linux 6.18).
    """
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)


def _make_file(folder: int, path: str, size: int) -> None:
    """Zeros, flushed, under another name; then the name, flushed.

    Whatever stops it half-way leaves nothing that a later start would take for a journal.
    """
    try:
        _fill(folder, size)
        os.rename(UNFINISHED_NAME, FILE_NAME, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except OSError as error:
        fault = _fault(f"no journal of {size} bytes can be made in {path}", error)
        _remove_made(folder, fault)
        raise fault from error


def _fill(folder: int, size: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(UNFINISHED_NAME, flags, 0o600, dir_fd=folder)
    try:
        filled = 0
        while filled < size:
            filled += os.pwrite(file, _ZEROS[: size - filled], filled)
        os.fsync(file)
    finally:
        os.close(file)


def _remove_made(folder: int, fault: StorageFault) -> None:
    """Gives the disk its room back.  If that fails as well, an unfinished file is truncated by the
    next start and one that has its name already holds flushed zeros: both are harmless."""
    try:
        for name in os.listdir(folder):
            if name in (UNFINISHED_NAME, FILE_NAME):
                os.unlink(name, dir_fd=folder)
    except OSError as error:
        raise fault from error


def _fault(words: str, error: OSError) -> StorageFault:
    name = errno.errorcode.get(error.errno or 0, "EIO")
    return StorageFault(f"{words}: {error.strerror} ({name})", name)

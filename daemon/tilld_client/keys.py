"""Where a till keeps the keys of what it has begun, so that its own end loses nothing.

A till with a database gives ``pay`` a store of its own: three methods. ``KeyFolder`` is the one
for tills without.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

Body = dict[str, Any]


class KeyStore(Protocol):
    """What ``pay``, ``refund`` and ``recover`` ask of a till.

    ``body`` is what was asked for, of JSON's kinds: ``{"method", "params"}``, never the code.
    """

    def remember(self, key: str, body: Body) -> object:
        """Returns when key and body are durable: only then is anything asked of the terminal.
        The same key with the same body may come again; with another one it must be refused."""

    def settle(self, key: str) -> object:
        """It has ended, and the till was told how: nobody asks for this key again."""

    def unfinished(self) -> Iterable[tuple[str, Body]]:
        """What was remembered and not settled, oldest first."""


class KeyFolder:
    """A file for each key: durable when ``remember`` returns, gone when it is settled.

    A file is locked by the process that works with its key, so several may share the folder, and
    ``unfinished`` leaves out what another living process is just about. A lock ends with its
    process, however that ends.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._held: dict[str, int] = {}

    def remember(self, key: str, body: Body) -> None:
        """Raises ValueError for a key that is remembered with another body, BlockingIOError for
        one that another process is about."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(key)
        text = json.dumps(body, sort_keys=True)
        try:
            self._held[key] = self._made(path, text)
        except FileExistsError:
            if not self._hold(key):
                raise BlockingIOError(f"another process is about key {key}") from None
            if path.read_text() != text:
                raise ValueError(f"key {key} was remembered for something else") from None

    def settle(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)
        self._flush_folder()
        if key in self._held:
            os.close(self._held.pop(key))

    def unfinished(self) -> list[tuple[str, Body]]:
        """What this process remembered, and what processes that have ended did."""
        ours = [key for key in self.remembered() if self._hold(key)]
        paths = sorted(map(self._path, ours), key=lambda path: path.stat().st_mtime_ns)
        return [(unquote(path.stem), json.loads(path.read_text())) for path in paths]

    def remembered(self) -> list[str]:
        """Every key that is not settled, whoever is about it."""
        return [unquote(path.stem) for path in sorted(self._folder.glob("*.json"))]

    def close(self) -> None:
        """Lets go of every key: another process may work with what is not finished."""
        while self._held:
            os.close(self._held.popitem()[1])

    def _path(self, key: str) -> Path:
        return self._folder / f"{quote(key, safe='')}.json"

    def _made(self, path: Path, text: str) -> int:
        """A new file, whole and locked from the moment it is there; its descriptor."""
        fresh = self._folder / f"{path.stem}.{os.getpid()}.new"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(fd, text.encode())
            os.fsync(fd)
            os.link(fresh, path)
            self._flush_folder()
        except BaseException:
            os.close(fd)
            raise
        finally:
            fresh.unlink()
        return fd

    def _hold(self, key: str) -> bool:
        if key in self._held:
            return True
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(self._path(key), os.O_RDONLY)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return False
            if os.fstat(fd).st_nlink == 0:  # settled between our two calls
                os.close(fd)
                return False
            self._held[key] = fd
            return True
        return False

    def _flush_folder(self) -> None:
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def new_key() -> str:
    """A key that nobody has used: never an order number, which two tills would share."""
    return str(uuid.uuid4())

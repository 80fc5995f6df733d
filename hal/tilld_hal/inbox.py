"""A queue between a driver and its readers, for dummies: blocking where there are threads.

MicroPython boards have one thread: there an empty queue answers None at once.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Inbox:
    """Things in the order they were put; ``take`` waits for one, ``wake`` ends the waiting."""

    def __init__(self) -> None:
        self._waiting: "list[Any]" = []
        self._woken = False
        self._changed = _condition()

    def put(self, thing: object) -> None:
        """Adds one."""
        with self._changed:
            self._waiting.append(thing)
            self._changed.notify_all()

    def wake(self) -> None:
        """Ends a ``take`` under way, or else the next one that would wait."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def take(self, timeout_s: "float | None") -> "Any":
        """The oldest; None at the timeout or after ``wake``."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._woken, timeout_s)
            if self._woken:
                self._woken = False
                return None
            return self._waiting.pop(0) if self._waiting else None

    def clear(self) -> int:
        """Throws all away; returns how many there were."""
        with self._changed:
            count = len(self._waiting)
            self._waiting = []
            return count


class _OneThread:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *ignored: object) -> None:
        return None

    def notify_all(self) -> None:
        return None

    def wait_for(self, holds: object, timeout_s: "float | None") -> None:
        return None


def _condition() -> "Any":
    try:
        from threading import Condition
    except ImportError:
        return _OneThread()
    return Condition()

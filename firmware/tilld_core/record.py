"""Value objects that read the same on CPython and MicroPython."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Record:
    """Fields named once in ``FIELDS``, compared, hashed and shown by value."""

    FIELDS: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = ", ".join(f"{f}={getattr(self, f)!r}" for f in self.FIELDS)
        return f"{type(self).__name__}({shown})"

    def _values(self) -> "tuple[Any, ...]":
        return tuple(getattr(self, f) for f in self.FIELDS)

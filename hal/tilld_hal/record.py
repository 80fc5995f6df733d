"""Value objects that read the same on CPython and MicroPython.

The hardware layer keeps its own: it and the core stand beside each other and import nothing of
one another (design.md §1).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Record:
    """Fields named once, compared and shown by value."""

    FIELDS: "tuple[str, ...]" = ()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = ", ".join([name + "=" + repr(getattr(self, name)) for name in self.FIELDS])
        return type(self).__name__ + "(" + shown + ")"

    def _values(self) -> "tuple[Any, ...]":
        return tuple([getattr(self, name) for name in self.FIELDS])

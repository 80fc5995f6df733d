"""Reads a transition table: the one place where a state changes.

A table is a tuple of rows (state, event, guard, next state, effects). Beside it
stands what changes nothing: pairs (state, event) that a state hears and may
ignore. Anything else is a bug of the caller and raises.

Effects are verbs with an object, carried out by the shell one after the other:

- ``mark X``   the record survives the death of the process; it becomes durable
               together with the next note
- ``note X``   the record is durable before the next effect begins
- ``send X``   a request leaves; its answer comes back as an event
- ``owe X``    the lane of this object gets its next try (cancel_queue.py)
- ``wait X``   the object gets a deadline; its end comes back as an event
- ``tell X``   whoever asked sees the new state
- ``call X``   a person is called
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # state, event, guard, next state, effects
    Row = tuple[str, str, str | None, str, tuple[str, ...]]

ALWAYS = None
STAYS = "="  # as next state: the one it is in


def table(*rows: "tuple[Any, ...]") -> "tuple[Row, ...]":
    """The rows, one a state: a row written for a tuple of states stands for each of them."""
    flat = []
    for states, event, guard, after, do in rows:
        for state in (states,) if isinstance(states, str) else states:
            flat.append((state, event, guard, state if after == STAYS else after, do))
    return tuple(flat)


def pairs(*groups: "tuple[tuple[str, ...], tuple[str, ...]]") -> "tuple[tuple[str, str], ...]":
    """Every state of a group with every event of it: what hears it and does nothing."""
    return tuple(
        (state, event) for states, events in groups for state in states for event in events
    )


class IllegalEvent(Exception):
    """The table has no row for this event in this state: a bug in the caller."""

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"no row for {event} in {state}")
        self.state = state
        self.event = event


def pick(
    rows: "tuple[Row, ...]",
    ignored: "tuple[tuple[str, str], ...]",
    state: str,
    event: str,
    holds: "Callable[[str], bool]",
) -> "Row | None":
    """The first row for state and event whose guard holds; None where it changes nothing."""
    for row in rows:
        if row[0] == state and row[1] == event and (row[2] is ALWAYS or holds(row[2])):
            return row
    if (state, event) in ignored:
        return None
    raise IllegalEvent(state, event)

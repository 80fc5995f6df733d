"""Draws a table of the core as a Mermaid state diagram; a document quotes it, a test compares.

One arrow a pair of states: its label names the events that take it, with their guards. The effects
stay in the table, where they can be read in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tilld_core.machine import Row

FENCE = "```"


def draw(rows: tuple[Row, ...], first: str, settled: tuple[str, ...]) -> str:
    """The diagram's text: ``first`` is where one begins, ``settled`` where nothing is owed."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, event, guard, after, _ in rows:
        label = f"{event} [{guard}]" if guard else event
        arrows.setdefault((state, after), []).append(label)
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    for (state, after), labels in arrows.items():
        lines.append(f"    {state} --> {after}: {', '.join(labels)}")
    lines += [f"    {state} --> [*]" for state in settled]
    return "\n".join(lines) + "\n"


def drawn_in(document: Path, heading: str) -> str:
    """The Mermaid block under a heading of a Markdown document. KeyError when there is none."""
    found = False
    block: list[str] | None = None
    for line in document.read_text().splitlines():
        if block is not None:
            if line == FENCE:
                return "\n".join(block) + "\n"
            block.append(line)
        elif line.startswith("#"):
            found = line.lstrip("#").strip() == heading
        elif found and line == f"{FENCE}mermaid":
            block = []
    raise KeyError(heading)

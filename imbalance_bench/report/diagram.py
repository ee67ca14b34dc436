"""The critical-difference diagram (Demsar 2006) as a drawing in text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

MEANING = "CD: Nemenyi's critical difference at the 5 % level."
LEGEND = f"{MEANING} Strategies that share a bar on the left are not told apart."
ALL_APART = f"{MEANING} All strategies are told apart."
WIDEST, UNIT, SHORTEST = 100, 12, 12
"""Columns of the whole drawing and of one rank, at most; of the axis, at least."""
GAP = "  "


def diagram(
    mean_ranks: Sequence[tuple[str, float]],
    groups: Sequence[Sequence[str]],
    difference: float,
    width: int,
) -> list[str]:
    """The lines of the drawing, none wider than `width`: a strategy a line, best first, its rank on an axis.

    Args:
        mean_ranks: name and mean rank of k >= 2 strategies.
        groups: names of strategies that are not told apart: a bar each.
        difference: the critical difference.
    """
    order = sorted(mean_ranks, key=lambda pair: pair[1])
    last, width = len(order), min(width, WIDEST)
    bars = 2 * len(groups)
    longest = max(len(name) for name, _ in order)
    name_width = max(8, min(longest, width - bars - SHORTEST - len(GAP) * 2 - 5))
    left = bars + name_width + len(GAP) + 5
    axis = _Axis(last, max(2, width - left - len(GAP)))
    lines = [" " * left + GAP + line for line in axis.lines()]
    for name, rank in order:
        beside = "".join("│ " if name in group else "  " for group in groups)
        first, *more = _wrapped(name, name_width)
        lines.append(f"{beside}{first:<{name_width}}{GAP}{rank:5.2f}{GAP}" + " " * axis.column(rank) + "o")
        lines += [beside + part for part in more]
    if difference <= last - 1:
        reach = axis.column(1 + difference)
        bar = "├" + "─" * (reach - 1) + "┤"
        lines.append(f"{f'CD {difference:.2f}':>{left}}{GAP}{bar}")
    else:
        lines.append(f"{f'CD {difference:.2f}':>{left}}{GAP}off axis")
    lines += textwrap.wrap(LEGEND if groups else ALL_APART, width, break_on_hyphens=False)
    return [line.rstrip() for line in lines]


class _Axis:
    """Ranks 1 to `last` over at most `room` columns; whole columns to a rank where there are enough."""

    def __init__(self, last: int, room: int) -> None:
        unit = min(UNIT, (room - 1) // (last - 1))
        self.length = unit * (last - 1) + 1 if unit else room
        self._last = last

    def column(self, rank: float) -> int:
        return round((rank - 1) / (self._last - 1) * (self.length - 1))

    def lines(self) -> list[str]:
        """The numbers of the ticks, as many as stand apart, and the axis with the ticks."""
        numbers, ticks = "", ["─"] * self.length
        for rank in range(1, self._last + 1):
            column, text = self.column(rank), str(rank)
            ticks[column] = "┼"
            if column - len(text) + 1 > len(numbers) or not numbers:
                numbers = numbers.ljust(column - len(text) + 1) + text
        ticks[0], ticks[-1] = "├", "┤"
        return [numbers, "".join(ticks)]


def _wrapped(name: str, width: int) -> list[str]:
    """The name in lines of at most `width`, broken before the parts of a combined strategy."""
    lines = [""]
    for part in re.split(r"(?=\+[A-Za-z])", name):
        if len(lines[-1]) + len(part) > width and lines[-1]:
            lines.append("")
        lines[-1] += part
    return [line[i : i + width] for line in lines for i in range(0, len(line), width)]

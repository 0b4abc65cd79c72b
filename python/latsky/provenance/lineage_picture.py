"""A lineage drawn from left to right: inputs, and each file beside what it was made from.

A layered drawing after Sugiyama, Tagawa & Toda (1981): files get a column each by the longest way
of data to them, lines over several columns a place in each, and the places of a column are put in
the order of their neighbours'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate, pairwise
from pathlib import Path

from latsky.errors import InputError
from latsky.provenance.lineage import Node

FORMATS = (".svg", ".png", ".pdf")
COLUMN, ROW = 2.4, 0.66
"""size of a place, inches"""
_HALF_WIDTH, _HALF_HEIGHT = 0.38, 0.4
"""of a box, in places"""
_LETTERS = 30
"""in a line of a box"""
_SWEEPS = 12
_LINE = 0.3
"""height of a line that passes a column, in places"""

Place = tuple[str, ...]
"""a file by its SHA-256, or a column that lines from a file pass: the file and the column"""


def draw(start: str, nodes: Mapping[str, Node], path: Path) -> None:
    """Draw a lineage; the format is that of the name of ``path``. Raises InputError."""
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch, PathPatch
    from matplotlib.path import Path as Line

    if path.suffix.lower() not in FORMATS:
        raise InputError("should end in .svg, .png or .pdf", file=path)
    columns, chains = layered(nodes)
    where = {}
    for x, column in enumerate(columns):
        heights = _heights(column)
        where.update({place: (float(x), -heights[place]) for place in column})
    tallest = max(sum(map(_size, column)) for column in columns)
    figure = Figure(figsize=(COLUMN * len(columns), ROW * (tallest + 0.4)))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.5, len(columns) - 0.5))
    axes.set(ylim=(-tallest / 2 - 0.2, tallest / 2 + 0.2))
    axes.set_axis_off()
    for chain in chains:
        points = [where[place] for place in chain]
        vertices = [(points[0][0] + _HALF_WIDTH, points[0][1])]
        codes = [Line.MOVETO]
        for x, y in points[1:]:
            middle = (vertices[-1][0] + x - _HALF_WIDTH) / 2
            vertices += [(middle, vertices[-1][1]), (middle, y), (x - _HALF_WIDTH, y)]
            vertices.append((x + _HALF_WIDTH, y))  # past the boxes, or behind the last one
            codes += [*[Line.CURVE4] * 3, Line.LINETO]
        axes.add_patch(PathPatch(Line(vertices, codes), fc="none", ec="0.65", lw=0.8, zorder=0))
    for key, node in nodes.items():
        x, y = where[(key,)]
        colour = "#f7e3c4" if key == start else "#dde8f5" if node.given else "white"
        corner = (x - _HALF_WIDTH, y - _HALF_HEIGHT)
        shape = "round,pad=0,rounding_size=0.08"
        size = (2 * _HALF_WIDTH, 2 * _HALF_HEIGHT)
        axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=shape, fc=colour, ec="0.5", lw=0.6))
        name = "\n".join(lines_of(node.name))
        step = "/".join(node.record["step"]) if node.record else ""
        centred = {"ha": "center", "va": "center"}
        axes.text(x, y + (0.1 if step else 0), name, fontsize=6.5, linespacing=1.15, **centred)
        axes.text(x, y - 0.29, step, fontsize=5.5, color="0.35", style="italic", **centred)
    figure.savefig(path, dpi=150)


def layered(nodes: Mapping[str, Node]) -> tuple[list[list[Place]], list[list[Place]]]:
    """The places of all columns from the top, and the ways of all lines through them."""
    level: dict[str, int] = {}

    def depth(key: str) -> int:
        if key not in level:
            level[key] = 1 + max((depth(source) for _, source in nodes[key].sources), default=-1)
        return level[key]

    used: dict[str, list[int]] = {}
    for key, node in nodes.items():
        for _, source in node.sources:
            used.setdefault(source, []).append(depth(key))
    for key, node in nodes.items():
        if not node.sources and key in used:
            level[key] = min(used[key]) - 1  # beside the first file that is made from it
        depth(key)
    columns: list[list[Place]] = [[] for _ in range(max(level.values()) + 1)]
    for key in nodes:
        columns[level[key]].append((key,))
    chains = []
    for key, node in nodes.items():
        for _, source in node.sources:
            between = range(level[source] + 1, level[key])
            passed: list[Place] = [(source, str(column)) for column in between]
            for column, place in zip(between, passed, strict=True):
                if place not in columns[column]:
                    columns[column].append(place)
            chains.append([(source,), *passed, (key,)])
    before: dict[Place, list[Place]] = {}
    after: dict[Place, list[Place]] = {}
    for chain in chains:
        for one, other in pairwise(chain):
            after.setdefault(one, []).append(other)
            before.setdefault(other, []).append(one)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        for column in columns if forward else columns[::-1]:
            _sort(column, neighbours, columns)
    return columns, chains


def _sort(
    column: list[Place], neighbours: Mapping[Place, list[Place]], columns: list[list[Place]]
) -> None:
    """Put a column in the order of the mean height of the neighbours of its places."""
    height = {place: y for other in columns for place, y in _heights(other).items()}
    own = {
        place: sum(height[other] for other in neighbours[place]) / len(neighbours[place])
        if place in neighbours
        else height[place]
        for place in column
    }
    column.sort(key=lambda place: own[place])


def _size(place: Place) -> float:
    return 1.0 if len(place) == 1 else _LINE


def _heights(column: list[Place]) -> dict[Place, float]:
    """How far below the middle the places of a column are."""
    ends = list(accumulate(map(_size, column), initial=0.0))
    return {
        place: (top + bottom - ends[-1]) / 2
        for place, (top, bottom) in zip(column, pairwise(ends), strict=True)
    }


def lines_of(name: str) -> list[str]:
    """A name in at most two lines, broken after an underscore or a full stop where there is one."""
    if len(name) <= _LETTERS:
        return [name]
    breaks = [m.end() for m in re.finditer(r"[_.-]", name) if m.end() <= _LETTERS]
    first = breaks[-1] if breaks else _LETTERS
    rest = name[first:]
    if len(rest) > _LETTERS:
        half = (_LETTERS - 1) // 2
        rest = f"{rest[:half]}…{rest[-half:]}"
    return [name[:first], rest]

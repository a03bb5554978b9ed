"""Parameters that are a region of an image: which four belong together, and their values for a rectangle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CORNER_AND_SIZE = ("x", "y", "width", "height")
SPANS = (("x0", "x1", "y0", "y1"), ("x_min", "x_max", "y_min", "y_max"), ("from_x", "till_x", "from_y", "till_y"))
"""The ends of the names of four parameters, in lower case: first and last column, first and last row."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A part of an image, in pixels: it has the columns from `x` to before `x + width`, and rows likewise."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def between(cls, x0: float, x1: float, y0: float, y1: float) -> Rectangle:
        """Return the rectangle from one column to before another, and rows likewise."""
        return cls(x0, y0, x1 - x0, y1 - y0)

    def within(self, columns: int, rows: int) -> Rectangle:
        """Return whole pixels, at least one, that are closest to this and inside an image."""
        x = min(max(round(self.x), 0), columns - 1)
        y = min(max(round(self.y), 0), rows - 1)
        width = min(max(round(self.x + self.width) - x, 1), columns - x)
        height = min(max(round(self.y + self.height) - y, 1), rows - y)
        return Rectangle(x, y, width, height)


@dataclass(frozen=True, slots=True)
class Region:
    """Four numeric parameters that are one rectangle.

    Attributes:
        name: what their names begin with.
        parameters: column, row, width and height, or first and last column, first and last row: the last excluded.
        is_span: whether it is the latter.
    """

    name: str
    parameters: tuple[str, str, str, str]
    is_span: bool

    def rectangle(self, values: Mapping[str, Any]) -> Rectangle:
        """Return the rectangle that values of the parameters are."""
        four = (float(values[name]) for name in self.parameters)
        return Rectangle.between(*four) if self.is_span else Rectangle(*four)

    def values(self, rectangle: Rectangle) -> dict[str, float]:
        """Return the values of the parameters for a rectangle."""
        x, y, width, height = rectangle.x, rectangle.y, rectangle.width, rectangle.height
        four = (x, x + width, y, y + height) if self.is_span else (x, y, width, height)
        return dict(zip(self.parameters, four, strict=True))


def regions(numeric: Iterable[str]) -> tuple[Region, ...]:
    """Return the regions among numeric parameters of these names, such as ``roi_x, roi_y, roi_width, roi_height``."""
    by_lower_case = {name.lower(): name for name in numeric}
    found = []
    for endings in (CORNER_AND_SIZE, *SPANS):
        first = endings[0]
        for begin in sorted(name.removesuffix(first) for name in by_lower_case if name.endswith(first)):
            if begin and begin[-1].isalnum():
                continue  # such as ``max``, which is no x
            names = [begin + ending for ending in endings]
            if all(name in by_lower_case for name in names):
                a, b, c, d = (by_lower_case[name] for name in names)
                found.append(Region(begin.rstrip("_.-") or "region", (a, b, c, d), endings is not CORNER_AND_SIZE))
    return tuple(found)

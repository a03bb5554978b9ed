"""Bins along the axes of a diffractogram."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axis:
    """Bins between ascending `edges`, float64 (bins + 1,); a bin holds its upper edge and not its lower one."""

    edges: Floats
    is_uniform: bool

    @classmethod
    def of(cls, bins: int | ArrayLike, start: float, stop: float) -> Axis:
        """Divide the range from start to stop into a number of bins, or take the edges that are given instead.

        Raises:
            ValueError: there is no bin, or the edges do not ascend.
            TypeError: bins is one number, and not a whole one.
        """
        is_uniform = np.ndim(bins) == 0
        if is_uniform:
            edges = np.linspace(start, stop, max(0, index(cast("int", bins))) + 1)
        else:
            edges = np.array(bins, dtype=np.float64)
        if edges.ndim != 1 or edges.size < 2 or not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
            raise ValueError(
                f"{bins!r} makes no bins from {start:g} to {stop:g}: give a number above 0 or ascending edges"
            )
        return cls(edges, is_uniform)

    def __len__(self) -> int:
        return self.edges.size - 1

    @property
    def centres(self) -> Floats:
        """The middles of the bins, float64 (bins,)."""
        return 0.5 * (self.edges[:-1] + self.edges[1:])

    def find(self, values: Floats) -> NDArray[np.int32]:
        """Give the bin of each value; -1 for values in none, as NaN is."""
        if self.is_uniform:
            first, last = self.edges[0], self.edges[-1]
            place = (values - first) / (last - first) * len(self)
            place[~((place > 0) & (place <= len(self)))] = 0
            bins = np.ceil(place) - 1
        else:
            bins = np.searchsorted(self.edges, values, side="left") - 1
            bins[bins == len(self)] = -1
        return np.asarray(bins, dtype=np.int32)

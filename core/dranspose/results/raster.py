"""Maps of what was measured at scattered positions."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

MAX_PIXELS = 2**24
"""A position that is far off would else take all the memory."""


class Raster:
    """The mean of what was measured in each pixel of a map, which grows to wherever there are positions.

    Args:
        step: the distance of two pixels, in the unit of the positions. Pixel (row, column) is centred at a multiple of
            it, and has what was measured within half a step.

    Raises:
        ValueError: the step is not positive.
    """

    def __init__(self, step: float) -> None:
        if not step > 0:
            raise ValueError(f"the step of a raster is above 0, not {step}")
        self._step = step
        self._first = (0, 0)
        self._sums = np.zeros((2, 0, 0))

    def add(self, x: float, y: float, value: float, weight: float = 1.0) -> None:
        """Count in a value that was measured at a position; the mean is that of all values over all weights.

        With counts as values and what the beam monitor had as weights, that is the normalised intensity. Raises
        ValueError for a position that is no number, or too far from the others.
        """
        row, column = (math.floor(position / self._step + 0.5) for position in (y, x))
        if not self._sums.size:
            self._first = row, column
        self._cover(row, column)
        self._sums[:, row - self._first[0], column - self._first[1]] += value, weight

    def _cover(self, row: int, column: int) -> None:
        first = (min(row, self._first[0]), min(column, self._first[1]))
        _, rows, columns = self._sums.shape
        shape = (max(row + 1, self._first[0] + rows) - first[0], max(column + 1, self._first[1] + columns) - first[1])
        if shape == (rows, columns):
            return
        if math.prod(shape) > MAX_PIXELS:
            raise ValueError(f"pixel ({row}, {column}) is so far from the others that the map would be {shape}")
        grown = np.zeros((2, *shape))
        above, left = self._first[0] - first[0], self._first[1] - first[1]
        grown[:, above : above + rows, left : left + columns] = self._sums
        self._first, self._sums = first, grown

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """The map, of shape (rows, columns); NaN where nothing was measured."""
        values, weights = self._sums
        means = np.full(values.shape, np.nan)
        np.divide(values, weights, out=means, where=weights != 0)
        return means

    @property
    def x(self) -> npt.NDArray[np.float64]:
        """The positions of the columns."""
        return self._axis(1)

    @property
    def y(self) -> npt.NDArray[np.float64]:
        """The positions of the rows."""
        return self._axis(0)

    def _axis(self, axis: int) -> npt.NDArray[np.float64]:
        return np.arange(self._first[axis], self._first[axis] + self._sums.shape[1 + axis]) * np.float64(self._step)

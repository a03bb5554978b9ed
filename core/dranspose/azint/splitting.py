"""Pixel splitting: how much of each pixel lies in which bin."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from dranspose.azint.geometry import azimuth, positions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray
    from scipy import sparse

    from dranspose.azint.binning import Axis
    from dranspose.azint.detector import Detector
    from dranspose.azint.poni import Poni

    Floats: TypeAlias = NDArray[np.float64]

#: How many parts of pixels are located together: few enough for their arrays to stay in a processor's cache.
PARTS_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of a diffractogram, numbered along its radial axis first; `azimuthal` is None in 1D."""

    radial_value: Callable[[Floats, Floats, Floats], Floats]  # of points y, x, z
    radial: Axis
    azimuthal: Axis | None

    @property
    def shape(self) -> tuple[int, ...]:
        """(radial,) or (azimuthal, radial)."""
        return (len(self.radial),) if self.azimuthal is None else (len(self.azimuthal), len(self.radial))

    def __len__(self) -> int:
        return prod(self.shape)

    def find(self, y: Floats, x: Floats, z: Floats) -> NDArray[np.int32]:
        """Give the bins in which these points lie, negative for none."""
        bins = self.radial.find(self.radial_value(y, x, z))
        if self.azimuthal is None:
            return bins
        sectors = self.azimuthal.find(azimuth(y, x, self.azimuthal.edges[0]))
        return np.where(bins >= 0, sectors * len(self.radial) + bins, -1)


def row_slices(rows: slice, length: int) -> Iterator[slice]:
    """Divide rows into slices of at most this length, which is taken for 1 if it is less."""
    length = max(1, length)
    return (slice(start, min(start + length, rows.stop)) for start in range(rows.start, rows.stop, length))


def corner_blocks(detector: Detector, rows: slice, parts: int) -> Iterator[tuple[slice, Floats]]:
    """Give a few rows at a time, with the corners (pixels, 4, 3) of their pixels, each to be divided into `parts`."""
    for few in row_slices(rows, PARTS_AT_ONCE // (detector.shape[1] * parts)):
        yield few, detector.corners(few).reshape(-1, 4, 3)


def split(poni: Poni, rows: slice, n: int, bins: Bins, mask: NDArray[np.bool_] | None) -> sparse.csr_array:
    """Give the share of each pixel of these rows in each bin, (pixels, bins), from n x n parts of it."""
    from scipy import sparse  # here, so that whoever only might integrate starts quickly

    blocks = []
    for few, corners in corner_blocks(poni.det, rows, n * n):
        found = bins.find(*positions(corners, poni, n))
        if mask is not None:
            found[mask[few].ravel()] = -1
        inside = found >= 0
        ends = np.cumsum(np.count_nonzero(inside, axis=1), dtype=np.int32)
        parts = np.ones(ends[-1])
        block = sparse.csr_array((parts, found[inside], np.append(np.int32(0), ends)), shape=(len(found), len(bins)))
        block.sum_duplicates()
        block.data /= n * n
        blocks.append(block)
    shares: sparse.csr_array = sparse.vstack(blocks, format="csr")
    return shares

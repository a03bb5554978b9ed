"""Where the pixels of a detector are, as the sample sees them: scattering angles and intensity corrections.

Conventions of pyFAI, https://pyfai.readthedocs.io/en/stable/geometry.html: z runs along the beam, y along the columns
and x along the rows of the image; azimuth 0 is +x, azimuth 90 degrees is +y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from dranspose.azint.poni import Poni

    Floats: TypeAlias = NDArray[np.float64]


def positions(corners: Floats, poni: Poni, n: int) -> tuple[Floats, Floats, Floats]:
    """Give (y, x, z) in m of the middles of n x n parts of each pixel, float64 (pixels, n * n) each.

    `corners` are those of `Detector.corners`, (pixels, 4, 3).
    """
    z, y, x = np.moveaxis(corners, -1, 0)
    y, x, z = y - poni.poni1, x - poni.poni2, z + poni.dist
    x, z = _turned(x, z, poni.rot1)
    z, y = _turned(z, y, poni.rot2)
    x, y = _turned(x, y, poni.rot3)
    middles = (np.arange(n) + 0.5) / n
    down, across = np.repeat(middles, n), np.tile(middles, n)

    def parts(corner: Floats) -> Floats:
        first, below, beside = corner[:, 0:1], corner[:, 1:2], corner[:, 3:4]
        return first + down * (below - first) + across * (beside - first)

    return parts(y), parts(x), parts(z)


def _turned(a: Floats, b: Floats, angle: float) -> tuple[Floats, Floats]:
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * a + sin * b, cos * b - sin * a


def scattering_vector(y: Floats, x: Floats, z: Floats, wavelength: float) -> Floats:
    """Give q = 4 pi / wavelength sin(theta) in 1/Å, for a wavelength in m.

    sin(theta) is r / sqrt(2 d (d + z)), with the distances r from the beam and d from the sample: exact at small angles
    and quicker than trigonometric functions.
    """
    squared_r = y * y + x * x
    d = np.sqrt(squared_r + z * z)
    return 4e-10 * np.pi / wavelength * np.sqrt(squared_r / (2 * d * (d + z)))


def scattering_angle(y: Floats, x: Floats, z: Floats) -> Floats:
    """Give 2 theta in degrees."""
    return np.degrees(np.arctan2(np.sqrt(y * y + x * x), z))


def azimuth(y: Floats, x: Floats, start: float) -> Floats:
    """Give the angle around the beam in degrees, in (start, start + 360]."""
    around = start + 360 - (start - np.degrees(np.arctan2(y, x))) % 360
    return np.maximum(around, start + 1e-9)  # what lies just beyond the start may be rounded down to it


def intensity_correction(corners: Floats, poni: Poni, solid_angle: bool, polarization_factor: float | None) -> Floats:
    """Give the factors by which to divide intensities, float64 (pixels,), for pixels with these corners (pixels, 4, 3).

    The solid angle of a pixel on a flat detector goes with the cube of the cosine of incidence. The polarization factor
    is 1 for a beam polarized along x, -1 along y, 0 for an unpolarized one; None is for no correction.
    """
    factors = np.ones(len(corners))
    if solid_angle:
        _, y, x = 0.5 * (corners[:, 1] + corners[:, 3]).T
        factors *= (1 + ((y - poni.poni1) ** 2 + (x - poni.poni2) ** 2) / poni.dist**2) ** -1.5
    if polarization_factor is not None:
        y, x, z = (middle[:, 0] for middle in positions(corners, poni, 1))
        # With the azimuth chi, cos(2 chi) sin(2 theta)^2 is (x^2 - y^2) / d^2.
        factors *= 0.5 + 0.5 * (z * z - polarization_factor * (x * x - y * y)) / (x * x + y * y + z * z)
    return factors

"""Azimuthal integration: sparse matrices, made once for a geometry, take each image to its mean intensity per bin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite
from operator import index
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from dranspose.azint.binning import Axis
from dranspose.azint.detector import Detector
from dranspose.azint.geometry import intensity_correction, positions, scattering_angle, scattering_vector
from dranspose.azint.poni import Poni
from dranspose.azint.splitting import Bins, corner_blocks, row_slices, split

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

    Floats: TypeAlias = NDArray[np.float64]
    Intensities: TypeAlias = NDArray[np.float32]

#: How many pixels are multiplied together: few enough for their values to stay in a processor's cache.
PIXELS_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class RowsToBins:
    """What some rows of an image give to each bin."""

    rows: slice
    weights: sparse.csc_array  # (bins, pixels): the share of the pixel in the bin / its intensity correction
    squares: sparse.csc_array | None  # of the weights, where errors are wanted


class AzimuthalIntegrator:
    """Takes images to their mean intensity per bin of scattering vector or angle, and of azimuth.

    Each pixel is divided into n_splitting x n_splitting equal parts, which lie in the bin of their middle; a bin holds
    its upper edge, not its lower one. The mean in a bin is that of the corrected intensities, weighted with the share
    of each pixel in the bin: the method of J. Synchrotron Rad. 29 (2022) 1420.

    Args:
        poni: the geometry: a `Poni`, a poni file, or the entries of one.
        n_splitting: the number of parts along each side of a pixel.
        radial_bins: how many, from the lowest to the highest value at the middle of a pixel; or their edges.
        azimuth_bins: how many, all around the beam; or their edges in degrees, from +x towards +y; None for 1D.
        unit: of the radial axis, "q" for 1/Å or "2th" for degrees.
        mask: not 0 where a pixel is to be left out; an array (rows, columns), a .npy file, or an image file for fabio.
        solid_angle: whether to correct for the solid angle of the pixels.
        polarization_factor: 1 for a beam polarized along x, -1 along y, 0 for neither; None for no correction.
        error_model: "poisson" for errors, None for none.

    Attributes:
        radial_axis: the middles of the radial bins, float64.
        azimuth_axis: the middles of the azimuthal bins, float64, in degrees; None in 1D.
        output_shape: [radial] or [azimuthal, radial].
        input_size: the number of pixels of an image.
        mask: bool (rows, columns) or None.
        mask_path: the file it came from, or None.

    Raises:
        ValueError: an argument, or an entry of the poni file, makes no sense or is not supported.
        OSError: a file cannot be read.
    """

    def __init__(
        self,
        poni: Poni | Mapping[str, Any] | str | PathLike[str],
        n_splitting: int,
        radial_bins: int | ArrayLike,
        azimuth_bins: int | ArrayLike | None = None,
        unit: str = "q",
        mask: ArrayLike | str | PathLike[str] | None = None,
        solid_angle: bool = True,
        polarization_factor: float | None = None,
        error_model: str | None = None,
    ) -> None:
        if index(n_splitting) < 1:
            raise ValueError(f"n_splitting must be at least 1, not {n_splitting}")
        if polarization_factor is not None and not -1 <= polarization_factor <= 1:
            raise ValueError(f"polarization_factor must lie between -1 and 1, not {polarization_factor}")
        if error_model not in (None, "", "poisson"):
            raise ValueError(f'error_model must be "poisson" or None, not {error_model!r}')
        geometry = _geometry(poni)
        radial_value = _radial_value(unit, geometry.wavelength)
        rows, columns = geometry.det.shape

        self.poni = poni
        self.n_splitting = n_splitting
        self.radial_bins = radial_bins
        self.azimuth_bins = azimuth_bins
        self.unit = unit
        self.solid_angle = solid_angle
        self.polarization_factor = polarization_factor
        self.error_model = error_model
        self.input_size = rows * columns
        self._image_shape = (rows, columns)
        self.mask = self._excluded(mask)
        self.mask_path = fspath(mask) if isinstance(mask, str | PathLike) else None

        corrections = []
        lowest, highest = inf, -inf
        for _, corners in corner_blocks(geometry.det, slice(0, rows), 1):
            corrections.append(intensity_correction(corners, geometry, solid_angle, polarization_factor))
            values = radial_value(*positions(corners, geometry, 1))
            lowest = np.fmin.reduce(values, axis=None, initial=lowest)
            highest = np.fmax.reduce(values, axis=None, initial=highest)
        self._correction = np.concatenate(corrections).reshape(self._image_shape)

        radial = Axis.of(radial_bins, lowest, highest)
        azimuthal = None if azimuth_bins is None else Axis.of(azimuth_bins, 0, 360)
        bins = Bins(radial_value, radial, azimuthal)
        self.radial_axis = radial.centres
        self.azimuth_axis = None if azimuthal is None else azimuthal.centres
        self.output_shape = [*bins.shape]

        self._norm = np.zeros(len(bins))
        self._matrices: list[RowsToBins] = []
        # A product takes time for each bin too: with many bins, more rows go into one.
        for few in row_slices(slice(0, rows), max(PIXELS_AT_ONCE, 4 * len(bins)) // columns):
            shares = split(geometry, few, n_splitting, bins, self.mask)
            self._norm += np.bincount(shares.indices, shares.data, len(bins))
            shares.data /= np.repeat(self._correction[few], np.diff(shares.indptr))
            self._matrices.append(RowsToBins(few, shares.T, shares.power(2).T if error_model else None))

    @property
    def norm(self) -> Intensities:
        """How many pixels lie in each bin, float32, flat."""
        return self._norm.astype(np.float32)

    @overload
    def integrate(
        self, img: ArrayLike, mask: ArrayLike | None = None, normalized: Literal[True] = True
    ) -> tuple[Intensities, Intensities | None]: ...
    @overload
    def integrate(
        self, img: ArrayLike, mask: ArrayLike | None = None, *, normalized: Literal[False]
    ) -> tuple[Intensities, Intensities | None, Intensities]: ...
    def integrate(
        self, img: ArrayLike, mask: ArrayLike | None = None, normalized: bool = True
    ) -> tuple[Intensities, Intensities | None] | tuple[Intensities, Intensities | None, Intensities]:
        """Give the mean intensities in an image (rows, columns), and their errors, None without an error model.

        A mask leaves out more pixels, in this image only. If not normalized, the two are sums, and the number of pixels
        in each bin comes third. All are float32 of the shape `output_shape`, and 0 in empty bins. Threads may share
        an integrator.

        Raises:
            ValueError: image or mask do not have the shape of the detector.
            TypeError: they do not hold real numbers.
        """
        image = self._of_detector_shape(img, "image")
        excluded = self._excluded(mask)
        signal = np.zeros_like(self._norm)
        variance = np.zeros_like(self._norm) if self.error_model else None
        norm = self._norm if excluded is None else np.zeros_like(self._norm)
        for part in self._matrices:
            values = image[part.rows].astype(np.float64).ravel()
            if excluded is not None:
                absent = excluded[part.rows].ravel()
                values[absent] = 0
                norm += part.weights @ np.where(absent, 0, self._correction[part.rows].ravel())
            signal += part.weights @ values
            if part.squares is not None:
                variance += part.squares @ values
        with np.errstate(invalid="ignore"):  # for a sum below 0, which counts never have
            sums = [signal] if variance is None else [signal, np.sqrt(variance)]
        if normalized:
            sums = [np.divide(each, norm, out=np.zeros_like(each), where=norm > 0) for each in sums]
        intensity, *errors = (each.astype(np.float32).reshape(self.output_shape) for each in sums)
        error = errors[0] if errors else None
        if normalized:
            return intensity, error
        return intensity, error, norm.astype(np.float32).reshape(self.output_shape)

    def _excluded(self, mask: ArrayLike | PathLike[str] | None) -> NDArray[np.bool_] | None:
        if mask is None or (isinstance(mask, str) and not mask):
            return None
        pixels = _read_mask(fspath(mask)) if isinstance(mask, str | PathLike) else mask
        return self._of_detector_shape(pixels, "mask").astype(np.bool_)

    def _of_detector_shape(self, pixels: ArrayLike, role: str) -> NDArray[Any]:
        array = np.asarray(pixels)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"the {role} must hold real numbers, not {array.dtype}")
        if array.shape not in (self._image_shape, (self.input_size,)):
            raise ValueError(f"the {role} has shape {array.shape}, the detector {self._image_shape}")
        return array.reshape(self._image_shape)


def _geometry(poni: Poni | Mapping[str, Any] | str | PathLike[str]) -> Poni:
    if isinstance(poni, str | PathLike):
        poni = Poni.from_file(poni)
    elif isinstance(poni, Mapping):
        poni = Poni.from_dict(poni)
    if not isinstance(poni, Poni):
        raise TypeError(f"poni must be a Poni, a file or its entries, not {type(poni).__name__}")
    if not isinstance(poni.det, Detector):
        raise TypeError(f"det must be a detector of this package, not {poni.det!r}")
    numbers = [poni.dist, poni.poni1, poni.poni2, poni.rot1, poni.rot2, poni.rot3]
    if not (poni.dist > 0 and all(map(isfinite, numbers))):
        raise ValueError(f"dist must be positive, and all numbers finite, in {poni}")
    return poni


def _radial_value(unit: str, wavelength: float | None) -> Callable[[Floats, Floats, Floats], Floats]:
    match unit:
        case "2th":
            return scattering_angle
        case "q":
            if wavelength is None or not 0 < wavelength < inf:
                raise ValueError(f'unit "q" needs a wavelength in m, not {wavelength}; unit "2th" goes without')
            return partial(scattering_vector, wavelength=wavelength)
    raise ValueError(f'unit must be "q" or "2th", not {unit!r}')


def _read_mask(filename: str) -> NDArray[Any]:
    if filename.endswith(".npy"):
        return np.asarray(np.load(filename, allow_pickle=False))
    try:
        import fabio
    except ImportError as error:
        raise ValueError(
            f"the mask {filename} is no .npy file, and fabio, which may read it, is not installed"
        ) from error
    with fabio.open(filename) as image:
        return np.asarray(image.data)

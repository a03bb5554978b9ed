"""Area detectors: pixel sizes, shapes, and where the corners of each pixel are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    import h5py
    from numpy.typing import ArrayLike, NDArray

DEFAULT_ORIENTATION = 3
#: pyFAI's orientation -> whether the image's (rows, columns) run against the detector's y and x
REVERSED_AXES = {1: (True, True), 2: (True, False), 3: (False, False), 4: (False, True)}


class Detector:
    """A detector of `max_shape` (rows, columns) pixels, each `pixel1` m high (along y) and `pixel2` m wide (along x).

    `pixel_corners` (rows, columns, 4, 3) describes pixels that are no regular grid: the corners (y0, x0), (y1, x0),
    (y1, x1), (y0, x1) of each, as (z, y, x) in m. `orientation` is that of pyFAI's poni files.

    Raises:
        ValueError: these values describe no detector.
    """

    def __init__(
        self,
        pixel1: float,
        pixel2: float,
        max_shape: Sequence[int],
        pixel_corners: ArrayLike | None = None,
        orientation: int = DEFAULT_ORIENTATION,
    ) -> None:
        if not (pixel1 > 0 and pixel2 > 0):
            raise ValueError(f"pixel sizes are positive lengths in m, not {pixel1!r} and {pixel2!r}")
        if len(max_shape) != 2 or min(max_shape) < 1:
            raise ValueError(f"max_shape is (rows, columns), not {max_shape!r}")
        if orientation not in REVERSED_AXES:
            raise ValueError(f"orientation is one of {[*REVERSED_AXES]}, not {orientation!r}")
        if pixel_corners is not None:
            pixel_corners = np.asarray(pixel_corners, dtype=np.float32)
            if pixel_corners.shape != (*max_shape, 4, 3):
                raise ValueError(f"pixel_corners has shape {pixel_corners.shape}, not {(*max_shape, 4, 3)}")
            if orientation != DEFAULT_ORIENTATION:
                raise ValueError(f"orientation {orientation} is not supported for a detector with pixel_corners")
        self.pixel1 = pixel1
        self.pixel2 = pixel2
        self.shape = max_shape
        self.orientation = orientation
        self._irregular_corners = pixel_corners

    @property
    def pixel_corners(self) -> NDArray[np.float32]:
        """The corners of all pixels, float32 (rows, columns, 4, 3); made on access, for they take 48 bytes a pixel."""
        return self.corners(slice(None)).astype(np.float32)

    def corners(self, rows: slice) -> NDArray[np.float64]:
        """Give the corners of the pixels in these rows of the image, float64 (rows, columns, 4, 3)."""
        if self._irregular_corners is not None:
            return self._irregular_corners[rows].astype(np.float64)
        y, x = (
            np.arange(length)[:: -1 if reverse else 1]
            for length, reverse in zip(self.shape, REVERSED_AXES[self.orientation], strict=True)
        )
        y = y[rows]
        corners = np.zeros((y.size, x.size, 4, 3))
        corners[..., 1] = self.pixel1 * (y[:, None, None] + [0, 1, 1, 0])
        corners[..., 2] = self.pixel2 * (x[None, :, None] + [0, 0, 1, 1])
        return corners

    @staticmethod
    def factory(name: str, config: Mapping[str, Any] | None = None) -> Detector:
        """Make the detector that a poni file describes by its name and its detector_config.

        pyFAI writes the pixel size of named detectors too: it must be the model's. Null values count as not given, and
        `sensor` is left alone, since it matters to a parallax correction only.

        Raises:
            ValueError: no detector has this name, or the config does not fit it.
        """
        kind = _KINDS.get(_spelled_alike(name))
        if kind is None:
            raise ValueError(
                f"detector {name} is not known here: "
                'call it "Detector" and give pixel1, pixel2 and max_shape in detector_config'
            )
        arguments = {
            key: value
            for key, value in (config or {}).items()
            if value is not None and key != "sensor" and (key, value) != ("orientation", 0)
        }
        stated = {}
        if kind is not Detector:
            stated = {key: arguments.pop(key) for key in ("pixel1", "pixel2", "max_shape") if key in arguments}
        try:
            detector = kind(**arguments)
        except TypeError as error:
            raise ValueError(f"{name} does not take the detector_config {config}: {error}") from error
        known: dict[str, Any] = {"pixel1": detector.pixel1, "pixel2": detector.pixel2, "max_shape": detector.shape}
        for key, value in stated.items():
            if not np.allclose(value, known[key], rtol=1e-6, atol=0):
                raise ValueError(
                    f'{name} has {key} {known[key]}, not {value}: use "Detector" if it is binned or cropped'
                )
        return detector


class NexusDetector(Detector):
    """The detector that the first NXdetector group of a NeXus file describes, as pyFAI saves it.

    Raises:
        OSError: the file cannot be read.
        ValueError: it describes no detector.
    """

    def __init__(self, filename: str | PathLike[str], orientation: int | None = None) -> None:
        import h5py  # here, so that everyone else starts without it

        self.filename = filename
        with h5py.File(filename) as file:
            group = file.visititems(_nxdetector)
            if group is None:
                raise ValueError(f"{filename} has no NXdetector group")
            missing = {"pixel_size", "shape"} - group.keys()
            if missing:
                raise ValueError(f"{group.name} in {filename} has no {' and no '.join(sorted(missing))}")
            pixel1, pixel2 = group["pixel_size"][()].tolist()
            shape = tuple(group["shape"][()].tolist())
            corners = group["pixel_corners"][()] if "pixel_corners" in group else None
            if orientation is None:
                orientation = int(group["orientation"][()]) if "orientation" in group else DEFAULT_ORIENTATION
        super().__init__(pixel1, pixel2, shape, corners, orientation)


def _nxdetector(name: str, item: h5py.Group | h5py.Dataset) -> h5py.Group | None:
    nx_class = item.attrs.get("NX_class")
    return item if nx_class in ("NXdetector", b"NXdetector") else None


class _Dectris(Detector):
    """A family of detectors that share their pixel size; a model adds its shape."""

    PIXEL: ClassVar[float]
    SHAPE: ClassVar[tuple[int, int] | None] = None

    def __init__(self, orientation: int = DEFAULT_ORIENTATION) -> None:
        if self.SHAPE is None:
            raise TypeError(f"{type(self).__name__} is a family of detectors: name the model")
        super().__init__(self.PIXEL, self.PIXEL, self.SHAPE, orientation=orientation)


class Eiger(_Dectris):
    """DECTRIS Eiger, Eiger2 and Eiger2 CdTe."""

    PIXEL = 75e-6


class Pilatus(_Dectris):
    """DECTRIS Pilatus and Pilatus CdTe."""

    PIXEL = 172e-6


class Pilatus4(_Dectris):
    """DECTRIS Pilatus4 and Pilatus4 CdTe."""

    PIXEL = 150e-6


#: (rows, columns) of each model, as in pyFAI's detector definitions
_MODELS: dict[type[_Dectris], dict[str, tuple[int, int]]] = {
    Eiger: {
        "Eiger500k": (514, 1030),
        "Eiger1M": (1065, 1030),
        "Eiger4M": (2167, 2070),
        "Eiger9M": (3269, 3110),
        "Eiger16M": (4371, 4150),
        "Eiger2_250k": (512, 512),
        "Eiger2_500k": (512, 1028),
        "Eiger2_1M": (1062, 1028),
        "Eiger2_1MW": (512, 2068),
        "Eiger2_2MW": (512, 4148),
        "Eiger2_4M": (2162, 2068),
        "Eiger2_9M": (3262, 3108),
        "Eiger2_16M": (4362, 4148),
        "Eiger2CdTe_500k": (512, 1028),
        "Eiger2CdTe_1M": (1062, 1028),
        "Eiger2CdTe_1MW": (512, 2068),
        "Eiger2CdTe_2MW": (512, 4148),
        "Eiger2CdTe_4M": (2162, 2068),
        "Eiger2CdTe_9M": (3262, 3108),
        "Eiger2CdTe_16M": (4362, 4148),
    },
    Pilatus: {
        "Pilatus100k": (195, 487),
        "Pilatus200k": (407, 487),
        "Pilatus300k": (619, 487),
        "Pilatus300kw": (195, 1475),
        "Pilatus900k": (619, 1475),
        "Pilatus1M": (1043, 981),
        "Pilatus2M": (1679, 1475),
        "Pilatus6M": (2527, 2463),
        "PilatusCdTe300k": (619, 487),
        "PilatusCdTe300kw": (195, 1475),
        "PilatusCdTe900kw": (195, 4439),
        "PilatusCdTe1M": (1043, 981),
        "PilatusCdTe2M": (1679, 1475),
    },
    Pilatus4: {
        "Pilatus4_260k": (530, 513),
        "Pilatus4_260kw": (255, 1033),
        "Pilatus4_1M": (1080, 1033),
        "Pilatus4_2M": (1630, 1553),
        "Pilatus4_4M": (2180, 2073),
        "Pilatus4_CdTe_260k": (530, 513),
        "Pilatus4_CdTe_260kw": (255, 1033),
        "Pilatus4_CdTe_1M": (1080, 1033),
        "Pilatus4_CdTe_2M": (1630, 1553),
        "Pilatus4_CdTe_4M": (2180, 2073),
    },
}


def _spelled_alike(name: str) -> tuple[str, bool]:
    """Make one of the spellings of a name, such as "Pilatus 1M CdTe" and "PilatusCdTe1M"."""
    letters = re.sub(r"[\s_-]", "", name).lower()
    return letters.replace("cdte", ""), "cdte" in letters


_KINDS: dict[tuple[str, bool], type[Detector]] = {
    _spelled_alike(cls.__name__): cls for cls in (Detector, NexusDetector)
}
for _family, _shapes in _MODELS.items():
    for _name, _shape in _shapes.items():
        _model = type(_name, (_family,), {"__doc__": f"DECTRIS {_name}.", "__module__": __name__, "SHAPE": _shape})
        _KINDS[_spelled_alike(_name)] = globals()[_name] = _model

if TYPE_CHECKING:

    def __getattr__(name: str) -> type[Detector]:
        """Tell the type of the models, which the table above defines."""

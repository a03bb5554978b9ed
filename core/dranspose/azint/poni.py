"""Where a detector is: the geometry of an experiment as poni files describe it.

The files are pyFAI's, https://pyfai.readthedocs.io/en/stable/geometry.html, versions 1 to 3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dranspose.azint.detector import Detector

if TYPE_CHECKING:
    from os import PathLike


@dataclass(slots=True)
class Poni:
    """A detector and where it is.

    Lengths are in m: the distance `dist` of the detector's plane from the sample, the point of normal incidence in this
    plane (`poni1` along y, `poni2` along x), and the `wavelength`, None if it is not known. The detector is turned by
    `rot1` about y and `rot2` about x, both left-handed, and by `rot3` about the beam, in rad.
    """

    det: Detector
    dist: float
    poni1: float
    poni2: float
    rot1: float
    rot2: float
    rot3: float
    wavelength: float | None

    @classmethod
    def from_file(cls, filename: str | PathLike[str]) -> Poni:
        """Read a poni file; in one with several calibrations the last counts.

        Raises:
            OSError: the file cannot be read.
            ValueError: something in it is missing, makes no sense or is not supported.
        """
        lines = Path(filename).read_text(encoding="utf-8", errors="replace").splitlines()
        entries = (line.split(":", 1) for line in lines if ":" in line)  # comments too: "# x" is the key of none
        try:
            return cls.from_dict({key.strip(): value.strip() for key, value in entries})
        except ValueError as error:
            raise ValueError(f"poni file {filename}: {error}") from error

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Poni:
        """Take the entries of a poni file, their keys in any case; `detector_config` may be JSON or a mapping.

        Raises:
            ValueError: an entry is missing, makes no sense or is not supported.
        """
        entries = {key.lower(): value for key, value in entries.items()}
        if str(entries.get("parallax")).lower() == "true":
            raise ValueError("a parallax correction is not supported")
        return cls(
            det=_detector(entries),
            dist=_number(entries, "dist" if "dist" in entries else "distance"),
            **{key: _number(entries, key) for key in ("poni1", "poni2", "rot1", "rot2", "rot3")},
            wavelength=None if entries.get("wavelength") in (None, "None") else _number(entries, "wavelength"),
        )


def _detector(entries: Mapping[str, Any]) -> Detector:
    if "detector" not in entries:
        raise ValueError("the entry detector is missing (a file of version 1 may have none: save it as version 2)")
    config = entries.get("detector_config") or {}
    if isinstance(config, str):
        try:
            config = json.loads(config)
        except json.JSONDecodeError as error:
            raise ValueError(f"detector_config is not JSON: {config!r}: {error}") from error
    if not isinstance(config, Mapping):
        raise ValueError(f"detector_config must hold names and values, not {config!r}")
    if entries.get("splinefile") not in (None, "None"):
        raise ValueError("a spline file is not supported: save the detector as a NeXus file")
    # Version 1 has entries of their own for the pixel size.
    sizes = {f"pixel{axis}": _number(entries, f"pixelsize{axis}") for axis in (1, 2) if f"pixelsize{axis}" in entries}
    return Detector.factory(str(entries["detector"]), sizes | dict(config))


def _number(entries: Mapping[str, Any], key: str) -> float:
    try:
        return float(entries[key])
    except KeyError:
        raise ValueError(f"the entry {key} is missing") from None
    except (TypeError, ValueError):
        raise ValueError(f"{key} is not a number: {entries[key]!r}") from None

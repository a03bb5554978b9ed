"""A diffractogram of each point of a map, and where a reflection is in it."""

import functools
import io
import tempfile
from dataclasses import dataclass

import azint
import numpy as np

from dranspose.data.stream1 import Stream1Data, Stream1Start
from dranspose.middlewares.pcap import parse as parse_pcap
from dranspose.middlewares.stream1 import parse as parse_stins
from dranspose.parameters import BinaryParameter, FloatParameter, IntParameter


@dataclass(frozen=True)
class Start:
    filename: str
    q: np.ndarray


@dataclass(frozen=True)
class Pattern:
    x: float
    y: float
    intensity: np.ndarray
    peak_area: float
    peak_position: float


@functools.lru_cache(maxsize=2)
def integrator(poni: bytes, mask: bytes, bins: int) -> azint.AzimuthalIntegrator:
    """Return what integrates images; it takes long to make, and is the same from scan to scan."""
    with tempfile.NamedTemporaryFile(suffix=".poni") as file:
        file.write(poni)
        file.flush()
        bad_pixels = np.load(io.BytesIO(mask)) if mask else None
        return azint.AzimuthalIntegrator(file.name, 3, bins, unit="q", mask=bad_pixels)


def peak(q: np.ndarray, intensity: np.ndarray, q_from: float, q_to: float) -> tuple[float, float]:
    """Return area and centre of gravity of what is over a straight line through the ends of an interval."""
    inside = (q >= q_from) & (q <= q_to)
    q, intensity = q[inside], intensity[inside]
    ends = np.r_[:3, -3:0]
    above = intensity - np.polyval(np.polyfit(q[ends], intensity[ends], 1), q)
    return np.trapezoid(above, q), np.average(q, weights=above) if above.sum() > 0 else np.nan


class PowderWorker:
    stateless = True  # no event is kept here

    def __init__(self, *args, **kwargs):
        pass

    @staticmethod
    def describe_parameters():
        return [
            BinaryParameter(name="poni", description="content of the poni file with the geometry"),
            BinaryParameter(name="mask", description="content of a .npy file, not 0 for bad pixels; may be empty"),
            IntParameter(name="bins", default=300, description="points of a diffractogram"),
            FloatParameter(name="q_from", default=3.15, description="where the reflection begins (1/Å)"),
            FloatParameter(name="q_to", default=3.42, description="where it ends (1/Å)"),
        ]

    def process_event(self, event, parameters):
        if not {"pilatus", "panda"} <= event.streams.keys():
            return None
        image = parse_stins(event.streams["pilatus"])
        ai = integrator(*(parameters[name].value for name in ("poni", "mask", "bins")))
        if isinstance(image, Stream1Start):
            return Start(image.filename, ai.radial_axis)
        if not isinstance(image, Stream1Data):
            return None
        position = parse_pcap(event.streams["panda"])
        intensity, *_ = ai.integrate(image.data)
        area, centre = peak(ai.radial_axis, intensity, parameters["q_from"].value, parameters["q_to"].value)
        x, y = getattr(position, "INENC1.VAL.Mean"), getattr(position, "INENC2.VAL.Mean")
        return Pattern(x, y, intensity, area, centre)

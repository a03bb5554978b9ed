"""The counts in the lines of some elements, at each point of a map."""

from dataclasses import dataclass

import numpy as np

from dranspose.data.xspress3 import XspressImage, XspressStart
from dranspose.middlewares.albaem import parse as parse_albaem
from dranspose.middlewares.positioncap import PositioncapParser
from dranspose.middlewares.xspress import parse as parse_xspress
from dranspose.parameters import FloatParameter, StrParameter

K_ALPHA = {"Ca": 3692, "Ti": 4511, "Cr": 5415, "Mn": 5899, "Fe": 6404, "Ni": 7478, "Cu": 8048, "Zn": 8639}
"""In eV: X-ray Data Booklet (Lawrence Berkeley National Laboratory, 2009), table 1-2."""


@dataclass(frozen=True)
class Start:
    filename: str


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    incident: float
    counts: dict[str, int]
    spectrum: np.ndarray


class FluorescenceWorker:
    stateless = True  # no event is kept here

    def __init__(self, *args, **kwargs):
        self.panda = PositioncapParser()

    @staticmethod
    def describe_parameters():
        return [
            StrParameter(name="elements", default="Fe Cu", description=f"some of {' '.join(K_ALPHA)}"),
            FloatParameter(name="bin_width", default=10.0, description="of a spectrum (eV)"),
            FloatParameter(name="line_width", default=400.0, description="of the region around each line (eV)"),
        ]

    def process_event(self, event, parameters):
        if not {"xspress3", "panda", "electrometer"} <= event.streams.keys():
            return None
        position = self.panda.parse(event.streams["panda"])  # of event 0, it names the values of those to come
        spectra = parse_xspress(event.streams["xspress3"])
        if isinstance(spectra, XspressStart):
            return Start(spectra.filename)
        if not isinstance(spectra, XspressImage):
            return None
        spectrum = spectra.data.sum(axis=0)
        counts = {}
        for element in parameters["elements"].value.split():
            edges = K_ALPHA[element] + np.array([-0.5, 0.5]) * parameters["line_width"].value
            first, stop = np.rint(edges / parameters["bin_width"].value).astype(int)
            counts[element] = int(spectrum[first:stop].sum())
        x, y = (position.fields[name].value for name in ("INENC1.VAL.Mean", "INENC2.VAL.Mean"))
        return Point(x, y, parse_albaem(event.streams["electrometer"]).channel1, counts, spectrum)

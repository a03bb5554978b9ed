"""Maps of elements, normalised to the incident beam, and the spectrum of the whole sample, in a NeXus file and live."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from dranspose.parameters import FloatParameter
from dranspose.results import NexusReducer, Raster

from .worker import Point, Start


class FluorescenceReducer(NexusReducer):
    def __init__(self, parameters, **kwargs):
        super().__init__(parameters, **kwargs)
        self.maps = defaultdict(lambda: Raster(parameters["step"].value))
        self.spectrum = 0

    @staticmethod
    def describe_parameters():
        return [FloatParameter(name="step", default=0.01, description="pixel of the maps (mm)")]

    def process_result(self, result, parameters=None):
        match result.payload:
            case Start(filename):
                raw = Path(filename)
                self.open(raw.with_name(f"{raw.stem}_maps.h5") if filename else "")
            case Point() as point:
                self.add(result, parameters, x=point.x, y=point.y, incident=point.incident, **point.counts)
                for element, counts in point.counts.items():
                    self.show_map(element, point, counts)
                self.spectrum = self.spectrum + point.spectrum
                self.put("spectrum", self.spectrum, units="counts")
                energy = (np.arange(len(self.spectrum)) + 0.5) * parameters["bin_width"].value
                self.put("energy", energy, units="eV")

    def show_map(self, element, point, counts):
        raster = self.maps[element]
        raster.add(point.x, point.y, counts, point.incident)
        self.put(f"{element}_map", raster.mean, units="1/A", long_name=f"{element} Kα over incident beam")
        self.put("map_x", raster.x, units="mm")
        self.put("map_y", raster.y, units="mm")
        if len(self.maps) == 1:
            self.plot(f"{element}_map", "map_y", "map_x")

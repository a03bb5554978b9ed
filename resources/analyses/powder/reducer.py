"""Maps of how much there is of a phase and of its lattice constant, in a NeXus file and live."""

from pathlib import Path

import numpy as np

from dranspose.parameters import FloatParameter
from dranspose.results import NexusReducer, Raster

from .worker import Pattern, Start

UNSTRAINED = 5.411  # Å, ceria
ORDER = np.sqrt(8)  # of the reflection 220 of a cubic lattice


class PowderReducer(NexusReducer):
    def __init__(self, parameters, **kwargs):
        super().__init__(parameters, **kwargs)
        self.amount = Raster(parameters["step"].value)
        self.strain = Raster(parameters["step"].value)

    @staticmethod
    def describe_parameters():
        return [FloatParameter(name="step", default=0.05, description="pixel of the maps (mm)")]

    def process_result(self, result, parameters=None):
        match result.payload:
            case Start(filename, q):
                raw = Path(filename)
                self.open(raw.with_name(f"{raw.stem}_maps.h5") if filename else "")
                self.put("q", q, units="1/Å")
                self.plot("strain_map", "map_y", "map_x")
            case Pattern() as pattern:
                lattice = 2 * np.pi * ORDER / pattern.peak_position
                strain = lattice / UNSTRAINED - 1
                self.add(
                    result,
                    parameters,
                    x=pattern.x,
                    y=pattern.y,
                    intensity=pattern.intensity,
                    peak_area=pattern.peak_area,
                    lattice=lattice,
                )
                self.amount.add(pattern.x, pattern.y, pattern.peak_area)
                self.strain.add(pattern.x, pattern.y, strain * pattern.peak_area, pattern.peak_area)
                self.put("amount_map", self.amount.mean, long_name="area of the reflection")
                self.put("strain_map", self.strain.mean, long_name="strain")
                self.put("map_x", self.strain.x, units="mm")
                self.put("map_y", self.strain.y, units="mm")

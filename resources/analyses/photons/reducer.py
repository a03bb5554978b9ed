"""The spectrum of all photons, over as many scans as are to be added up, in a NeXus file and live."""

from pathlib import Path

import numpy as np

from dranspose.parameters import BoolParameter, IntParameter
from dranspose.results import NexusReducer

from .worker import Photons, Start


class PhotonReducer(NexusReducer):
    def __init__(self, parameters, context, **kwargs):
        super().__init__(parameters, context, **kwargs)
        self.sums = context.setdefault("sums", {})  # outlives this scan
        settings = [parameters[name].data for name in sorted(parameters) if name != "accumulate"]
        if not parameters["accumulate"].value or self.sums.get("settings") != settings:
            self.sums.clear()
            self.sums.update(settings=settings, scans=0, image=0, spectrum=0)
        self.sums["scans"] += 1

    @staticmethod
    def describe_parameters():
        return [
            BoolParameter(name="accumulate", default=True, description="go on from the scans before"),
            IntParameter(name="subpixels", default=5, description="bins of the spectrum in a pixel"),
        ]

    def process_result(self, result, parameters=None):
        match result.payload:
            case Start(filename):
                raw = Path(filename)
                self.open(raw.with_name(f"{raw.stem}_spectrum.h5") if filename else "")
                self.put("scans", self.sums["scans"])
                self.plot("spectrum", "column")
            case Photons(image, positions):
                columns = image.shape[1]
                edges = np.linspace(-0.5, columns - 0.5, columns * parameters["subpixels"].value + 1)
                spectrum, _ = np.histogram(positions[:, 1], edges)
                self.sums["image"] = self.sums["image"] + image
                self.sums["spectrum"] = self.sums["spectrum"] + spectrum
                self.add(result, parameters, photons=len(positions))
                self.put("spectrum", self.sums["spectrum"], units="photons")
                self.put("column", (edges[:-1] + edges[1:]) / 2, units="pixels")
                self.put("image", self.sums["image"], units="counts")

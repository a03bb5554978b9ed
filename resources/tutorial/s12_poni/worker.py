import logging
import tempfile
from dataclasses import dataclass

import azint
import numpy as np

from dranspose.data.stream1 import Stream1Data, Stream1Start
from dranspose.middlewares.stream1 import parse as parse_stins
from dranspose.parameters import BinaryParameter, IntParameter

logger = logging.getLogger(__name__)


@dataclass
class Start:
    filename: str
    radial_axis: np.ndarray


@dataclass
class Result:
    intensity: float
    integrated: np.ndarray


class TestWorker:
    def __init__(self, parameters, **kwargs):
        with tempfile.NamedTemporaryFile(suffix=".poni") as file:
            file.write(parameters["poni"].value)
            file.flush()
            self.ai = azint.AzimuthalIntegrator(file.name, 4, 5, unit="q", solid_angle=True)

    @staticmethod
    def describe_parameters():
        return [
            IntParameter(name="till_x", default=2, description="rows of the region, from the top"),
            IntParameter(name="from_y", default=8, description="first column of the region, to the right edge"),
            BinaryParameter(name="poni", description="content of the poni file with the geometry"),
        ]

    def process_event(self, event, parameters=None):
        if "xrd" not in event.streams:
            return None
        acq = parse_stins(event.streams["xrd"])
        if isinstance(acq, Stream1Start):
            return Start(acq.filename, self.ai.radial_axis)
        if isinstance(acq, Stream1Data):
            intensity = np.mean(acq.data[: parameters["till_x"].value, parameters["from_y"].value :])
            integrated, _ = self.ai.integrate(acq.data)
            return Result(intensity, integrated)
        return None

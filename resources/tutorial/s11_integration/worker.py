import logging
from dataclasses import dataclass
import numpy as np
import azint

from dranspose.middlewares.stream1 import parse as parse_stins
from dranspose.data.stream1 import Stream1Data, Stream1Start, Stream1End
from dranspose.parameters import IntParameter

logger = logging.getLogger(__name__)

@dataclass
class Start:
    filename: str
    radial_axis: list[float]

@dataclass
class Result:
    intensity: float
    integrated: list[float]

class TestWorker:
    def __init__(self, *args, **kwargs):
        pixel_size = 0.75e-6
        det = azint.detector.Detector(pixel_size, pixel_size, (10,10))
        poni = azint.Poni(det,  dist=30*pixel_size,
                                poni1 = 5*pixel_size,
                                poni2 = 5*pixel_size,
                                rot1 = 0,
                                rot2 = 0,
                                rot3 = 0,
                                wavelength = 1e-10)
        self.ai = azint.AzimuthalIntegrator(poni,
                                 4,
                                 5,
                                 unit='q',
                                 solid_angle=True)

    @staticmethod
    def describe_parameters():
        params = [
            IntParameter(name="till_x", default=2),
            IntParameter(name="from_y", default=8),
        ]
        return params

    def process_event(self, event, parameters=None):
        logger.debug(event)
        if "xrd" in event.streams:
            acq = parse_stins(event.streams["xrd"])
            if isinstance(acq, Stream1Start):
                logger.info("start message %s", acq)
                return Start(acq.filename, self.ai.radial_axis)
            elif isinstance(acq, Stream1Data):
                intensity = np.mean(acq.data[:parameters["till_x"].value,parameters["from_y"].value:])
                logger.debug("intensity is %f", intensity)
                I, _ = self.ai.integrate(acq.data)
                logger.info("I %s %s", I, self.ai.radial_axis)
                return Result(intensity, I)

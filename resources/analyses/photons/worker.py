"""Where each single photon hit the detector, to a fraction of a pixel."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from dranspose.data.stream1 import Stream1Data, Stream1Start
from dranspose.middlewares.stream1 import parse
from dranspose.parameters import FloatParameter

AROUND = np.mgrid[-1:2, -1:2].reshape(2, 9)
"""Rows and columns of a pixel and its eight neighbours, from that pixel."""


@dataclass(frozen=True)
class Start:
    filename: str


@dataclass(frozen=True)
class Photons:
    image: np.ndarray
    positions: np.ndarray


def single_photons(image: np.ndarray, threshold: float, charge_from: float, charge_to: float) -> np.ndarray:
    """Return row and column of each photon, of shape (photons, 2): the centre of its charge in 3 x 3 pixels.

    A photon is a local maximum above the threshold with a charge around it of one photon; where two photons are too
    close to be told apart, there is more.
    """
    is_peak = (image > threshold) & (image == maximum_filter(image, 3))
    is_peak[[0, -1]] = is_peak[:, [0, -1]] = False
    peaks = np.argwhere(is_peak)
    rows, columns = (peaks[:, axis, np.newaxis] + AROUND[axis] for axis in (0, 1))
    charges = image[rows, columns]
    total = charges.sum(axis=1)
    centres = peaks + charges @ AROUND.T / total[:, np.newaxis]
    return centres[(total >= charge_from) & (total <= charge_to)]


class PhotonWorker:
    stateless = True  # no event is kept here

    def __init__(self, *args, **kwargs):
        pass

    @staticmethod
    def describe_parameters():
        return [
            FloatParameter(name="pedestal", default=100.0, description="of a pixel without light (counts)"),
            FloatParameter(name="threshold", default=40.0, description="of the highest pixel of a photon (counts)"),
            FloatParameter(name="charge_from", default=330.0, description="least charge of a photon (counts)"),
            FloatParameter(name="charge_to", default=460.0, description="largest charge of a photon (counts)"),
        ]

    def process_event(self, event, parameters):
        if "ccd" not in event.streams:
            return None
        message = parse(event.streams["ccd"])
        if isinstance(message, Stream1Start):
            return Start(message.filename)
        if not isinstance(message, Stream1Data):
            return None
        image = message.data - parameters["pedestal"].value
        limits = (parameters[name].value for name in ("threshold", "charge_from", "charge_to"))
        return Photons(image, single_photons(image, *limits))

"""Single photons of two emission lines on a CCD behind a spectrometer grating, and the true answers."""

import numpy as np

SHAPE = (256, 128)  # pixels; the energy is along the columns
PHOTONS = 12  # in an image, on average
LINES = {60.30: 0.6, 62.00: 0.4}  # column of the centre of each line: its part of the photons
CHARGE, SPREAD, NOISE, PEDESTAL = 400.0, 0.45, 3.0, 100.0  # counts, pixels, counts, counts
LINE_WIDTH = 0.35  # pixels, standard deviation


def arrivals(index: int) -> np.ndarray:
    """Return row and column of each photon of an image, of shape (photons, 2); pixel (i, j) is centred there."""
    random = np.random.default_rng(index)
    photons = random.poisson(PHOTONS)
    centres = random.choice(list(LINES), photons, p=list(LINES.values()))
    rows = random.uniform(2, SHAPE[0] - 3, photons)
    return np.stack([rows, random.normal(centres, LINE_WIDTH)], axis=1)


def image(index: int) -> np.ndarray:
    """Return an image: the charge of each photon is spread over some pixels."""
    rows, columns = np.arange(SHAPE[0]), np.arange(SHAPE[1])
    photons = arrivals(index)
    shares = _in_pixels(rows, photons[:, 0])[:, :, np.newaxis] * _in_pixels(columns, photons[:, 1])[:, np.newaxis, :]
    noise = np.random.default_rng([index, 1]).normal(PEDESTAL, NOISE, SHAPE)
    return np.rint(CHARGE * shares.sum(axis=0) + noise).clip(0).astype(np.uint16)


def _in_pixels(pixels: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the part of a Gaussian at each centre that is in each pixel, of shape (centres, pixels)."""
    from scipy.special import erf

    edges = np.append(pixels - 0.5, pixels[-1] + 0.5)
    return np.diff(erf((edges - centres[:, np.newaxis]) / (SPREAD * np.sqrt(2))) / 2, axis=1)

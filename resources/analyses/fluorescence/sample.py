"""A pigment on a grain of rock: what the three detectors of a map of it send, and the true answers."""

import numpy as np

COLUMNS, ROWS, STEP = 20, 15, 0.01  # mm
CHANNELS, BINS, BIN_WIDTH = 4, 4096, 10.0  # eV
K_ALPHA, K_BETA = {"Fe": 6404.0, "Cu": 8048.0}, {"Fe": 7058.0, "Cu": 8905.0}  # eV
RESOLUTION = 70.0  # eV, of a line (standard deviation)
COUNTS = 4000  # of each channel in the Kα line of an element, for a concentration of 1 and a current of 1 µA
SCATTERED = 200  # counts of each channel, evenly over all energies up to 12 keV


def positions(event: int) -> tuple[float, float]:
    """Return x and y of a point of the scan, in mm: lines back and forth, in continuous motion."""
    row, column = divmod(event, COLUMNS)
    jitter = 0.1 * np.sin(event)
    return STEP * ((column if row % 2 == 0 else COLUMNS - 1 - column) + jitter), STEP * row


def concentration(element: str, x: float, y: float) -> float:
    """Return how much of an element there is at a position: iron in a disc, copper in a stripe."""
    if element == "Fe":
        return 1.0 if np.hypot(x - 0.09, y - 0.07) < 0.045 else 0.1
    return 0.8 if 0.12 < x + y < 0.17 else 0.05


def incident(event: int) -> float:
    """Return the current of the ionization chamber in A: it decays, and is topped up every 70 points."""
    return 1e-6 * (1 - 0.3 * (event % 70) / 70)


def spectra(event: int) -> np.ndarray:
    """Return the counts of each channel at a point of the scan."""
    x, y = positions(event)
    energy = (np.arange(BINS) + 0.5) * BIN_WIDTH
    expected = np.where(energy < 12_000, SCATTERED * BIN_WIDTH / 12_000, 0.0)
    for element, line in K_ALPHA.items():
        counts = COUNTS * concentration(element, x, y) * incident(event) / 1e-6
        expected += counts * (_line(energy, line) + 0.13 * _line(energy, K_BETA[element]))
    return np.random.default_rng(event).poisson(expected, (CHANNELS, BINS)).astype(np.uint32)


def _line(energy: np.ndarray, centre: float) -> np.ndarray:
    """Return the part of a line in each bin."""
    return BIN_WIDTH * np.exp(-(((energy - centre) / RESOLUTION) ** 2) / 2) / (RESOLUTION * np.sqrt(2 * np.pi))


def captured(event: int) -> dict[str, float]:
    """Return what the PandABox captures at a point of the scan."""
    x, y = positions(event)
    return {"INENC1.VAL.Mean": float(x), "INENC2.VAL.Mean": y}


def currents(event: int) -> list[float]:
    """Return the currents of the electrometer's four channels; the ionization chamber is at the first."""
    return [incident(event), 0.0, 0.0, 0.0]

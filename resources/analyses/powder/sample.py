"""A strained grain of ceria in the beam: what the detector and the PandABox of a map of it send, and the true answers.

`python -m powder.sample` writes the geometry and the mask of the detector.
"""

from pathlib import Path

import numpy as np

COLUMNS, ROWS, STEP = 16, 12, 0.05  # mm
SHAPE, PIXEL, DISTANCE, CENTRE = (200, 200), 172e-6, 0.08, 20.5  # pixels, m, m, pixels from the upper left corner
WAVELENGTH = 0.7  # Å
LATTICE = 5.411  # Å, of ceria without strain
REFLECTIONS = {(1, 1, 1): 100, (2, 0, 0): 30, (2, 2, 0): 60, (3, 1, 1): 50, (2, 2, 2): 10}  # relative intensities
WIDTH, BACKGROUND = 0.02, 3.0  # 1/Å, counts
HOT = np.random.default_rng(0).integers(0, SHAPE[0], (25, 2))  # pixels that always have the most counts
GAP = slice(95, 103)  # rows between two modules


def positions(event: int) -> tuple[float, float]:
    """Return x and y of a point of the scan, a snake, in mm."""
    row, column = divmod(event, COLUMNS)
    return STEP * (column if row % 2 == 0 else COLUMNS - 1 - column), STEP * row


def amount(x: float, y: float) -> float:
    """Return how much ceria there is at a position: most in a grain, some everywhere."""
    return 0.2 + 0.8 * float(np.exp(-((x - 0.35) ** 2 + (y - 0.25) ** 2) / (2 * 0.12**2)))


def strain(x: float, y: float) -> float:
    """Return the relative change of the lattice constant: compressed at the left, stretched at the right."""
    return 4e-3 * (x / (STEP * (COLUMNS - 1)) - 0.5)


def two_theta() -> np.ndarray:
    """Return the scattering angle of each pixel, in rad."""
    y, x = (np.indices(SHAPE) + 0.5 - CENTRE) * PIXEL
    return np.arctan(np.hypot(x, y) / DISTANCE)


def image(event: int) -> np.ndarray:
    """Return the image of a point of the scan."""
    x, y = positions(event)
    q = 4 * np.pi / WAVELENGTH * np.sin(two_theta() / 2)
    counts = np.full(SHAPE, BACKGROUND)
    for hkl, intensity in REFLECTIONS.items():
        centre = 2 * np.pi * np.linalg.norm(hkl) / (LATTICE * (1 + strain(x, y)))
        counts += 20 * intensity * amount(x, y) * np.exp(-(((q - centre) / WIDTH) ** 2) / 2)
    counts *= np.cos(two_theta()) ** 3  # the solid angle of a pixel
    noisy = np.random.default_rng(event).poisson(counts).astype(np.uint16)
    noisy[GAP] = 0
    noisy[tuple(HOT.T)] = np.iinfo(np.uint16).max
    return noisy


def captured(event: int) -> dict[str, float]:
    """Return what the PandABox captures at a point of the scan."""
    x, y = positions(event)
    return {"INENC1.VAL.Mean": x, "INENC2.VAL.Mean": y}


def mask() -> np.ndarray:
    """Return 1 for each pixel that is to be left out."""
    bad = np.zeros(SHAPE, np.uint8)
    bad[GAP] = 1
    bad[tuple(HOT.T)] = 1
    return bad


GEOMETRY = f"""\
# pyFAI's format: a flat detector across the beam, which hits it near its upper left corner
poni_version: 2
Detector: Detector
Detector_config: {{"pixel1": {PIXEL}, "pixel2": {PIXEL}, "max_shape": [{SHAPE[0]}, {SHAPE[1]}]}}
Distance: {DISTANCE}
Poni1: {CENTRE * PIXEL:.6g}
Poni2: {CENTRE * PIXEL:.6g}
Rot1: 0.0
Rot2: 0.0
Rot3: 0.0
Wavelength: {WAVELENGTH * 1e-10:.6g}
"""


if __name__ == "__main__":
    folder = Path(__file__).parent
    (folder / "geometry.poni").write_text(GEOMETRY)
    np.save(folder / "mask.npy", mask())

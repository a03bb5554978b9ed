"""Azimuthal integration of 2162 x 2068 uint32 images into 1000 bins: ours beside numpy.bincount and pyFAI."""

import importlib.util
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from statistics import median
from typing import TypeAlias

import numpy as np

SHAPE = (2162, 2068)
PIXEL = 75e-6
DIST, PONI1, PONI2 = 0.2, 1081.3 * PIXEL, 1034.7 * PIXEL
WAVELENGTH = 1e-10
BINS = 1000
FRAMES = 8
ROUNDS = 24

Integrate: TypeAlias = Callable[[np.ndarray], object]


def ours() -> Integrate:
    from dranspose.azint import AzimuthalIntegrator, Poni
    from dranspose.azint.detector import Eiger2_4M

    return AzimuthalIntegrator(Poni(Eiger2_4M(), DIST, PONI1, PONI2, 0, 0, 0, WAVELENGTH), 4, BINS).integrate


def bincount(corrected: bool) -> Integrate:
    y = (np.arange(SHAPE[0])[:, None] + 0.5) * PIXEL - PONI1
    x = (np.arange(SHAPE[1])[None, :] + 0.5) * PIXEL - PONI2
    two_theta = np.arctan(np.hypot(y, x) / DIST).ravel()
    q = 4e-10 * np.pi / WAVELENGTH * np.sin(two_theta / 2)
    bins = np.minimum((q - q.min()) / np.ptp(q) * BINS, BINS - 1).astype(np.intp)
    norm = np.bincount(bins, minlength=BINS)
    if not corrected:
        return lambda image: np.bincount(bins, image.ravel(), BINS) / norm
    solid_angle = np.cos(two_theta) ** 3
    return lambda image: np.bincount(bins, image.ravel() / solid_angle, BINS) / norm


def pyfai(algorithm: str) -> Integrate:
    from pyFAI.detectors import Detector
    from pyFAI.integrator.azimuthal import AzimuthalIntegrator

    detector = Detector(PIXEL, PIXEL, max_shape=SHAPE)
    ai = AzimuthalIntegrator(DIST, PONI1, PONI2, detector=detector, wavelength=WAVELENGTH)

    def integrate(image: np.ndarray) -> object:
        return ai.integrate1d(image, BINS, unit="q_A^-1", method=("full", algorithm, "cython"))

    integrate(np.zeros(SHAPE, np.uint32))  # which makes its matrix
    return integrate


METHODS: dict[str, tuple[Callable[..., Integrate], tuple[object, ...]]] = {
    "ours, 4 x 4 parts of each pixel": (ours, ()),
    "numpy.bincount, whole pixels, img": (bincount, (False,)),
    "numpy.bincount, whole pixels, img/corr": (bincount, (True,)),
    "pyFAI full/csc/cython": (pyfai, ("csc",)),
    "pyFAI full/csr/cython": (pyfai, ("csr",)),
}


def construction(method: str) -> tuple[float, float]:
    """Return the seconds and the MB at the peak that it takes to make a method ready, in a process of its own."""
    make, arguments = METHODS[method]
    np.zeros(SHAPE).sum()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    make(*arguments)
    seconds = time.perf_counter() - start
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # a worker has one core
    installed = [
        method for method, (make, _) in METHODS.items() if make is not pyfai or importlib.util.find_spec("pyFAI")
    ]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        made = dict(zip(installed, pool.map(construction, installed, chunksize=1), strict=True))
    rng = np.random.default_rng(0)
    images = [rng.poisson(10, SHAPE).astype(np.uint32) for _ in range(FRAMES)]
    integrate = {method: METHODS[method][0](*METHODS[method][1]) for method in installed}
    times: dict[str, list[float]] = {method: [] for method in installed}
    for turn in range(ROUNDS + 1):
        for method in installed:  # turn by turn, so that a drift of the machine meets them all
            start = time.perf_counter()
            integrate[method](images[turn % FRAMES])
            times[method].append(1e3 * (time.perf_counter() - start))
    reference = median(times["ours, 4 x 4 parts of each pixel"][1:])
    print(f"Azimuthal integration, {SHAPE[0]} x {SHAPE[1]} uint32 into {BINS} bins, {ROUNDS} frames, 1 thread")
    print(f"{'':40}{'min ms':>8}{'median ms':>11}{'/ ours':>8}{'to make, s':>12}{'MB':>6}")
    for method in METHODS:
        if method not in installed:
            print(f"{method:40}{'not installed':>19}")
            continue
        ms = times[method][1:]  # the first one warms up
        seconds, megabytes = made[method]
        print(
            f"{method:40}{min(ms):8.1f}{median(ms):11.1f}{median(ms) / reference:8.2f}{seconds:12.1f}{megabytes:6.0f}"
        )


if __name__ == "__main__":
    main()

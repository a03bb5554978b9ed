"""X-ray fluorescence maps: the elements are where the sample has them, whatever the beam did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.analyses.conftest import Commands, frames, replay_streams, stream

from dranspose.event import StreamData
from dranspose.simulate import albaem, positioncap, xspress3

CLASSES = "fluorescence.worker:FluorescenceWorker", "fluorescence.reducer:FluorescenceReducer"
POINTS = 300
NOISE = 0.02  # of what a whole concentration gives: the square root of the counts


def scan() -> None:
    from fluorescence import sample

    lines = [StreamData("PCAP_RAW", [line]) for line in positioncap.arm(POINTS, sample.captured)]
    spectra = xspress3.messages(POINTS, content=sample.spectra, filename="output/fluorescence.h5")
    streams = [
        stream("xspress3", "xspress3", spectra),
        frames("panda", lines),
        stream("electrometer", "albaem", albaem.messages(POINTS, sample.currents)),
    ]
    replay_streams(*CLASSES, streams)


def deviation(measured: np.ndarray, true: np.ndarray) -> float:
    """Return how far the measured values are from the line through them over the true ones, with slope 1."""
    slope, offset = np.polyfit(true, measured, 1)
    return float(np.std(measured - slope * true - offset) / slope)


def check(maps: str) -> None:
    from fluorescence import sample

    at = [sample.positions(point) for point in range(POINTS)]
    columns, rows = (np.rint(np.array(at).T / sample.STEP)).astype(int)
    with h5py.File(maps) as file:
        data = file["entry/data"]
        for element in ("Fe", "Cu"):
            true = np.array([sample.concentration(element, *position) for position in at])
            assert data[f"{element}_map"].shape == (sample.ROWS, sample.COLUMNS)
            assert deviation(data[f"{element}_map"][:][rows, columns], true) < NOISE
            assert deviation(data[element][1:], true) > 2 * NOISE  # not normalised to the beam
            line = np.searchsorted(data["energy"], sample.K_ALPHA[element])
            assert abs(int(data["spectrum"][line - 20 : line + 20].argmax()) - 20) <= 2


@pytest.mark.usefixtures("analyses")
def test_replay_finds_the_elements() -> None:
    scan()
    check("output/fluorescence_maps.h5")


@pytest.mark.usefixtures("analyses")
def test_live_as_the_readme_has_it(readme: Callable[[str], Commands]) -> None:
    readme("fluorescence").run()
    check("output/fluorescence_maps.h5")
    assert Path("output/fluorescence.png").stat().st_size

"""Photon counting: two lines are told apart that the pixels do not resolve, and scans add up."""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np
import pytest
from tests.analyses.conftest import Commands, replay_streams, stins, stream

from dranspose.simulate.stins import StinsDetector

CLASSES = "photons.worker:PhotonWorker", "photons.reducer:PhotonReducer"
IMAGES = 200


def check(path: str, scans: int) -> None:
    from photons import sample

    sent = sum(len(sample.arrivals(image)) for image in range(IMAGES))
    with h5py.File(path) as file:
        data = file["entry/data"]
        spectrum, column = data["spectrum"][:], data["column"][:]
        plain = data["image"][:].sum(axis=0)
        assert data["scans"][()] == scans
    assert 0.8 < spectrum.sum() / (scans * sent) <= 1  # those that overlap others do not count
    first, second = sample.LINES
    middle = (first + second) / 2
    for line, inside in ((first, column < middle), (second, column > middle)):
        assert abs(np.average(column[inside], weights=spectrum[inside]) - line) < 0.05
        part = spectrum[inside].sum() / spectrum.sum()
        assert part == pytest.approx(sample.LINES[line], abs=0.05)
    assert spectrum[np.abs(column - middle).argmin()] < 0.3 * spectrum.max()
    between = plain[int(first) : int(second) + 1]
    assert between.min() > 0.7 * between.max()  # the sum of the images does not show that there are two


def scan() -> None:
    from photons import sample

    one = stream("ccd", "stins", stins(StinsDetector(images=IMAGES, content=sample.image, filename="output/x.h5")))
    replay_streams(*CLASSES, [one])


@pytest.mark.usefixtures("analyses")
def test_replay_resolves_the_lines() -> None:
    scan()
    check("output/x_spectrum.h5", 1)


@pytest.mark.usefixtures("analyses")
def test_live_scans_add_up(readme: Callable[[str], Commands]) -> None:
    commands = readme("photons")
    commands.run()
    check("output/photons_spectrum.h5", 1)
    commands.again()
    check("output/photons_spectrum.h5", 2)
    commands.complete(["dranspose", "parameters", "set", "accumulate", "false"])
    commands.again()
    check("output/photons_spectrum.h5", 1)

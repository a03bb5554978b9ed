"""Powder diffraction maps: amount and strain are those of the sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import silx.io
from silx.io.nxdata import get_default
from tests.analyses.conftest import Commands, replay_streams, stins, stream

from dranspose.simulate import pcap
from dranspose.simulate.stins import StinsDetector

CLASSES = "powder.worker:PowderWorker", "powder.reducer:PowderReducer"
POINTS = 192


def scan(analyses: Path, **values: object) -> None:
    from powder import sample

    detector = StinsDetector(images=POINTS, content=sample.image, filename="output/powder.h5")
    streams = [
        stream("pilatus", "stins", stins(detector)),
        stream("panda", "pcap", pcap.messages(POINTS, content=sample.captured)),
    ]
    files = {"poni": analyses / "powder/geometry.poni", "mask": analyses / "powder/mask.npy"}
    replay_streams(*CLASSES, streams, {**files, **values})


def deviations(maps: str) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much the strain is wrong, and the amount over the true one, both as maps."""
    from powder import sample

    with h5py.File(maps) as file:
        data = file["entry/data"]
        assert data.attrs["signal"] == "strain_map"
        assert data["intensity"].shape == (POINTS + 1, 300)
        at = np.meshgrid(data["map_x"], data["map_y"])
        np.testing.assert_allclose(at, np.meshgrid(np.arange(16) * 0.05, np.arange(12) * 0.05), atol=1e-9)
        strain = data["strain_map"] - np.vectorize(sample.strain)(*at)
        amount = data["amount_map"] / np.vectorize(sample.amount)(*at)
    return strain, amount / amount.mean()


def test_replay_gives_the_strain_and_amount_of_the_sample(analyses: Path) -> None:
    scan(analyses)
    strain, amount = deviations("output/powder_maps.h5")
    np.testing.assert_allclose(strain, 0, atol=1.5e-4)
    np.testing.assert_allclose(amount, 1, atol=0.02)


def test_the_mask_matters(analyses: Path) -> None:
    (analyses / "empty").touch()
    scan(analyses, mask=analyses / "empty")
    strain, _ = deviations("output/powder_maps.h5")
    assert np.abs(strain).max() > 1e-3


def test_the_files_are_those_of_the_sample(analyses: Path) -> None:
    from powder import sample

    assert (analyses / "powder/geometry.poni").read_text() == sample.GEOMETRY
    np.testing.assert_array_equal(np.load(analyses / "powder/mask.npy"), sample.mask())


@pytest.mark.usefixtures("analyses")
def test_live_as_the_readme_has_it(readme: Callable[[str], Commands]) -> None:
    commands = readme("powder")
    commands.run()
    strain, amount = deviations("output/powder_maps.h5")
    np.testing.assert_allclose(strain, 0, atol=1.5e-4)
    np.testing.assert_allclose(amount, 1, atol=0.02)
    assert Path("output/powder.png").stat().st_size
    with silx.io.open(commands.http) as file:
        plot = get_default(file)
        assert plot is not None
        assert plot.is_valid
        assert plot.signal.shape == (12, 16)
        assert plot.axes_names == ["map_y (mm)", "map_x (mm)"]

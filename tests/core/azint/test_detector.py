"""Detectors: their tables, their pixels' corners, and the configs that poni files give them."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from dranspose.azint import detector
from dranspose.azint.detector import Detector, NexusDetector

MODELS = [
    cls
    for cls in vars(detector).values()
    if isinstance(cls, type) and issubclass(cls, (detector.Eiger, detector.Pilatus, detector.Pilatus4)) and cls.SHAPE
]


@pytest.mark.parametrize(
    ("name", "shape", "pixel"),
    [
        ("Eiger4M", (2167, 2070), 75e-6),
        ("Eiger2_4M", (2162, 2068), 75e-6),
        ("Eiger2CdTe_16M", (4362, 4148), 75e-6),
        ("Pilatus2M", (1679, 1475), 172e-6),
        ("Pilatus4_CdTe_1M", (1080, 1033), 150e-6),
    ],
)
def test_a_model_is_a_class_without_arguments(name, shape, pixel):
    model = getattr(detector, name)()
    assert isinstance(model, Detector)
    assert (tuple(model.shape), model.pixel1, model.pixel2) == (shape, pixel, pixel)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_is_found_by_its_name_and_can_be_pickled(model):
    assert type(Detector.factory(model.__name__)) is model
    assert type(pickle.loads(pickle.dumps(model()))) is model


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("Pilatus 1M", "Pilatus1M"),
        ("pilatus_6m", "Pilatus6M"),
        ("Pilatus 1M CdTe", "PilatusCdTe1M"),
        ("Pilatus4 1M CdTe", "Pilatus4_CdTe_1M"),
        ("Eiger2 CdTe 4M", "Eiger2CdTe_4M"),
        ("Eiger2 1M-W", "Eiger2_1MW"),
        ("Eiger2 4M", "Eiger2_4M"),
        ("Eiger 4M", "Eiger4M"),
    ],
)
def test_pyfai_aliases_name_models(alias, name):
    assert type(Detector.factory(alias)).__name__ == name


@pytest.mark.parametrize("family", [detector.Eiger, detector.Pilatus, detector.Pilatus4])
def test_a_family_is_no_detector(family):
    with pytest.raises(TypeError, match=f"{family.__name__} is a family"):
        family()


def test_a_model_takes_the_config_that_pyfai_writes():
    config = {
        "pixel1": 7.5e-05,
        "pixel2": 7.5e-05,
        "orientation": 3,
        "max_shape": [2162, 2068],
        "sensor": {"material": "Si"},
    }
    assert Detector.factory("Eiger2_4M", config).shape == (2162, 2068)


def test_nulls_and_orientation_zero_count_as_not_given():
    made = Detector.factory(
        "Detector", {"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": [3, 4], "orientation": 0, "splineFile": None}
    )
    assert made.orientation == 3


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("Rayonix", {}, "detector Rayonix is not known"),
        ("Detector", {"pixel1": 1e-4, "pixel2": 1e-4}, "max_shape"),
        ("Detector", {"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": None}, "max_shape"),
        ("Detector", {"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": [3]}, r"max_shape is \(rows, columns\)"),
        ("Detector", {"pixel1": 1e-4, "pixel2": 0, "max_shape": [3, 4]}, "pixel sizes"),
        ("Detector", {"pixel1": "1e-4", "pixel2": 1e-4, "max_shape": [3, 4]}, "Detector does not take"),
        ("Detector", {"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": [3, 4], "orientation": 7}, "orientation"),
        ("Pilatus1M", {"pixel1": 344e-6}, "Pilatus1M has pixel1 0.000172, not 0.000344"),
        ("Pilatus1M", {"max_shape": [1043, 487]}, "Pilatus1M has max_shape"),
        ("Pilatus1M", {"splineFile": "distortion.spline"}, "splineFile"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(name, config, message):
    with pytest.raises(ValueError, match=message):
        Detector.factory(name, config)


def test_corners_go_round_each_pixel():
    corners = Detector(2.0, 3.0, (4, 5)).pixel_corners
    assert corners.shape == (4, 5, 4, 3)
    assert corners.dtype == np.float32
    z, y, x = np.moveaxis(corners[1, 2], -1, 0)
    assert z.tolist() == [0, 0, 0, 0]
    assert y.tolist() == [2, 4, 4, 2]
    assert x.tolist() == [6, 6, 9, 9]


@pytest.mark.parametrize(
    ("orientation", "flip"),
    [(1, np.s_[::-1, ::-1]), (2, np.s_[::-1, :]), (3, np.s_[:, :]), (4, np.s_[:, ::-1])],
)
def test_orientation_flips_the_image(orientation, flip):
    regular = Detector(2.0, 3.0, (4, 5)).pixel_corners
    turned = Detector(2.0, 3.0, (4, 5), orientation=orientation).pixel_corners
    assert np.array_equal(turned, regular[flip])


@pytest.mark.parametrize("rows", [slice(0, 2), slice(1, 4), slice(3, 4)])
@pytest.mark.parametrize("orientation", [1, 3])
def test_corners_of_some_rows_are_those_of_all(rows, orientation):
    some = Detector(2.0, 3.0, (4, 5), orientation=orientation)
    assert np.array_equal(some.corners(rows), some.pixel_corners[rows])


def test_given_corners_are_kept():
    corners = np.random.default_rng(1).random((4, 5, 4, 3), dtype=np.float32)
    assert np.array_equal(Detector(1.0, 1.0, (4, 5), corners).pixel_corners, corners)
    with pytest.raises(ValueError, match="pixel_corners has shape"):
        Detector(1.0, 1.0, (5, 4), corners)
    with pytest.raises(ValueError, match="orientation 2 is not supported"):
        Detector(1.0, 1.0, (4, 5), corners, orientation=2)


def nexus_file(path: Path, **datasets: object) -> Path:
    """Write a detector as pyFAI does."""
    with h5py.File(path, "w") as file:
        group = file.create_group("entry_0000/pyFAI/Detector")
        group.attrs["NX_class"] = "NXdetector"
        for name, value in datasets.items():
            group[name] = value
    return path


def test_a_nexus_file_describes_a_detector(tmp_path):
    corners = np.random.default_rng(1).random((4, 5, 4, 3), dtype=np.float32)
    path = nexus_file(tmp_path / "d.h5", pixel_size=[1e-4, 2e-4], shape=[4, 5], pixel_corners=corners)
    read = NexusDetector(path)
    assert (read.pixel1, read.pixel2, read.shape) == (1e-4, 2e-4, (4, 5))
    assert np.array_equal(read.pixel_corners, corners)
    made = Detector.factory(
        "NexusDetector", {"filename": str(path), "pixel1": 1e-4, "max_shape": [4, 5], "orientation": 3}
    )
    assert np.array_equal(made.pixel_corners, corners)


@pytest.mark.parametrize(("stated", "effective"), [(None, 2), (4, 4)])
def test_the_orientation_in_a_nexus_file_holds_unless_another_is_stated(tmp_path, stated, effective):
    path = nexus_file(tmp_path / "d.h5", pixel_size=[1e-4, 2e-4], shape=[4, 5], orientation=2)
    assert NexusDetector(path, stated).orientation == effective


def test_a_nexus_file_without_detector_is_refused(tmp_path):
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(ValueError, match=r"empty\.h5 has no NXdetector"):
        NexusDetector(tmp_path / "empty.h5")
    with pytest.raises(ValueError, match="has no pixel_size"):
        NexusDetector(nexus_file(tmp_path / "d.h5", shape=[4, 5]))
    with pytest.raises(FileNotFoundError):
        NexusDetector(tmp_path / "absent.h5")

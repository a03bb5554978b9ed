"""Poni files of all versions, as pyFAI writes them, and what is said of those that cannot be used."""

import json
from pathlib import Path

import pytest

from dranspose.azint import Poni

VERSION_2_1 = """\
# Nota: C-Order, 1 refers to the Y axis, 2 to the X axis
# Calibration done on Sun Nov 22 20:56:32 2026
poni_version: 2.1
Detector: Eiger2_4M
Detector_config: {"pixel1": 7.5e-05, "pixel2": 7.5e-05, "orientation": 3}
Distance: 0.2
Poni1: 0.01
Poni2: 0.02
Rot1: 0.1
Rot2: 0.2
Rot3: 0.3
Wavelength: 1e-10
"""
ENTRIES = {
    "detector": "Pilatus1M",
    "distance": 0.2,
    "poni1": 0.01,
    "poni2": 0.02,
    "rot1": 0.1,
    "rot2": 0.2,
    "rot3": 0.3,
    "wavelength": 1e-10,
}
NUMBERS = (0.2, 0.01, 0.02, 0.1, 0.2, 0.3, 1e-10)


def numbers(poni: Poni) -> tuple:
    return poni.dist, poni.poni1, poni.poni2, poni.rot1, poni.rot2, poni.rot3, poni.wavelength


@pytest.fixture
def poni_file(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "calibration.poni"
        path.write_text(text, encoding="latin-1")
        return path

    return write


def test_fields_have_the_order_of_azint():
    poni = Poni("detector", 1, 2, 3, 4, 5, 6, 7)
    assert (poni.det, *numbers(poni)) == ("detector", 1, 2, 3, 4, 5, 6, 7)


def test_a_file_as_pyfai_writes_it(poni_file):
    poni = Poni.from_file(poni_file(VERSION_2_1))
    assert numbers(poni) == NUMBERS
    assert type(poni.det).__name__ == "Eiger2_4M"


def test_a_path_may_be_text(poni_file):
    assert numbers(Poni.from_file(str(poni_file(VERSION_2_1)))) == NUMBERS


@pytest.mark.parametrize(
    ("old", "new", "name", "shape"),
    [
        ("Eiger2_4M", "Pilatus 1M", "Pilatus1M", (1043, 981)),
        ("Eiger2_4M", "Detector", "Detector", [10, 20]),
    ],
)
def test_other_detectors(poni_file, old, new, name, shape):
    config = {"pixel1": 172e-6, "pixel2": 172e-6, "orientation": 3, "max_shape": shape}
    text = VERSION_2_1.replace(old, new)
    lines = [f"Detector_config: {json.dumps(config)}" if "config" in line else line for line in text.splitlines()]
    poni = Poni.from_file(poni_file("\n".join(lines)))
    assert (type(poni.det).__name__, poni.det.shape) == (name, shape)


def test_a_version_2_file_has_no_orientation(poni_file):
    text = VERSION_2_1.replace("2.1", "2").replace('"pixel1": 7.5e-05, "pixel2": 7.5e-05, "orientation": 3', "")
    assert Poni.from_file(poni_file(text)).det.orientation == 3


def test_a_version_3_file_without_parallax(poni_file):
    assert numbers(Poni.from_file(poni_file(VERSION_2_1.replace("2.1", "3") + "Parallax: False\n"))) == NUMBERS


def test_a_version_1_file_that_names_its_detector(poni_file):
    lines = [line for line in VERSION_2_1.splitlines() if "onfig" not in line and "version" not in line]
    text = "\n".join([*lines, "PixelSize1: 7.5e-05", "PixelSize2: 7.5e-05", "SplineFile: None"])
    assert Poni.from_file(poni_file(text)).det.shape == (2162, 2068)


def test_the_orientation_is_honoured(poni_file):
    assert Poni.from_file(poni_file(VERSION_2_1.replace('"orientation": 3', '"orientation": 2'))).det.orientation == 2


def test_the_last_calibration_in_a_file_counts(poni_file):
    assert Poni.from_file(poni_file(VERSION_2_1 + VERSION_2_1.replace("0.2", "0.7"))).dist == 0.7


def test_comments_may_hold_anything(poni_file):
    assert numbers(Poni.from_file(poni_file("# Dist\xe4nce: 5\n  # Poni1: 9\nno entry\n" + VERSION_2_1))) == NUMBERS


@pytest.mark.parametrize("line", ["", "Wavelength: None\n"])
def test_the_wavelength_may_be_unknown(poni_file, line):
    assert Poni.from_file(poni_file(VERSION_2_1.replace("Wavelength: 1e-10\n", line))).wavelength is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Distance: 0.2\n", "", "the entry distance is missing"),
        ("Rot3: 0.3", "Rot3: upright", "rot3 is not a number: 'upright'"),
        ("Poni1: 0.01", "Poni1: None", "poni1 is not a number"),
        ("Eiger2_4M", "Perkin", "detector Perkin is not known"),
        ("Detector: Eiger2_4M\n", "", "the entry detector is missing"),
        ('"orientation": 3}', '"orientation": 3', "detector_config is not JSON"),
        ('{"pixel1"', '["pixel1"]#', "detector_config is not JSON"),
        ("Eiger2_4M", "Detector", "max_shape"),
        ('"orientation": 3', '"orientation": 9', "orientation"),
        ("Wavelength: 1e-10", "Wavelength: 1 A", "wavelength is not a number"),
        ("Wavelength", "Parallax: True\nWavelength", "parallax"),
        ("Wavelength", "SplineFile: ccd.spline\nWavelength", "spline"),
    ],
)
def test_an_unusable_file_is_named_with_the_reason(poni_file, old, new, message):
    assert old in VERSION_2_1
    with pytest.raises(ValueError, match=rf"poni file .*calibration\.poni: .*{message}"):
        Poni.from_file(poni_file(VERSION_2_1.replace(old, new)))


def test_a_missing_file():
    with pytest.raises(FileNotFoundError):
        Poni.from_file("absent.poni")


@pytest.mark.parametrize("config", [None, "", {}, {"pixel1": 172e-6}, '{"pixel1": 172e-6, "orientation": 3}'])
def test_entries_in_a_dict(config):
    poni = Poni.from_dict(ENTRIES | {"detector_config": config})
    assert numbers(poni) == NUMBERS
    assert poni.det.shape == (1043, 981)


def test_entries_in_any_case_and_as_text():
    assert numbers(Poni.from_dict({key.title(): str(value) for key, value in ENTRIES.items()})) == NUMBERS


def test_dist_is_another_name_for_distance():
    assert Poni.from_dict({"dist": 3, **{key: value for key, value in ENTRIES.items() if key != "distance"}}).dist == 3


@pytest.mark.parametrize("config", ["[]", "3", [1, 2]])
def test_a_config_that_is_no_mapping(config):
    with pytest.raises(ValueError, match="detector_config"):
        Poni.from_dict(ENTRIES | {"detector_config": config})

"""The tutorial, as its reader follows it: the classes of each stage in `src`, a capture in `data`, the command."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

TUTORIAL = Path(__file__).parents[1] / "resources" / "tutorial"
STAGES = sorted(path.name for path in TUTORIAL.glob("s??_*"))
DRANSPOSE = Path(sys.executable).with_name("dranspose")

INTENSITIES = [9.25, 11.25, 11.75, 4.25, 2.25, 3, 4.75, 7.75, 10.75]
INTENSITIES_OF_LARGER_REGION = [8.88889, 8.66667, 8.11111, 6, 6.66667, 8.22222, 10.6667, 12.4444, 14.3333]
RADIAL_AXIS = [0.264359142, 0.496947178, 0.729535213, 0.962123249, 1.194711285]
DIFFRACTOGRAMS = [
    [15.1779747, 13.9023495, 6.8773127, 9.6660852, 9.3010511],
    [14.5480700, 16.0785999, 8.7254753, 7.0781269, 11.0598869],
    [13.5223827, 17.1882668, 12.9371901, 4.9445901, 9.5939913],
    [13.2128630, 16.6200161, 15.5205526, 6.3836746, 5.1763859],
    [12.7400637, 16.4407024, 17.1330090, 9.2366600, 3.8551009],
    [12.6753435, 16.0662804, 17.7858009, 12.1191959, 4.8916092],
    [12.4385986, 15.4443998, 17.9025497, 14.7246857, 6.9134221],
    [11.0911913, 14.7071409, 18.0725098, 16.2365665, 9.2648430],
    [11.0122433, 14.6127691, 17.5343590, 17.3972645, 11.8805075],
]


@pytest.fixture
def example(tmp_path: Path, captures: Path) -> Path:
    """Return a folder like the reader's, with all stages, the real capture and the parameter files."""
    folder = tmp_path / "drp-example"
    shutil.copytree(TUTORIAL, folder, ignore=shutil.ignore_patterns("output", "__pycache__"))
    shutil.copy(captures / "dump_xrd.cbors", folder / "data")
    return folder


def replay(example: Path, stage: str, options: str = "", level: str = "DEBUG") -> str:
    """Put a stage's classes into `src`, run the tutorial's command, and return its log."""
    shutil.copytree(example / stage, example / "src", dirs_exist_ok=True)
    command = (
        f'dranspose replay -w "src.worker:TestWorker" -r "src.reducer:TestReducer" -f data/dump_xrd.cbors {options}'
    )
    path = f"{DRANSPOSE.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "LOG_LEVEL": level, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(  # the command as it is printed, quotes and all
        command, shell=True, cwd=example, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^11 events, \d+ results, 0 failures in [\d.]+ s \(\d+ events/s\)$", done.stdout, re.MULTILINE)
    return done.stderr


def processed(example: Path) -> h5py.File:
    return h5py.File(example / "output" / "xrd_processed.h5")


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_runs(example: Path, stage: str) -> None:
    replay(example, stage, "-p s12_poni/parameters.json", level="INFO")


def test_events_print_as_in_the_tutorial(example: Path) -> None:
    log = replay(example, "s02_events")
    assert (
        "DEBUG:src.worker:event is event_number=0 streams={'xrd': StreamData(typ='STINS', frames=[b'"
        '{"htype": "header", "filename": "output/xrd.h5", "msg_number": 0}\'], length=1)}\n' in log
    )
    assert re.search(r"^DEBUG:src.worker:event is event_number=1 streams=\{'xrd': .*, length=2\)\}$", log, re.MULTILINE)


def test_parsed_messages_print_as_in_the_tutorial(example: Path) -> None:
    log = replay(example, "s03_parsing")
    assert "DEBUG:src.worker:acquisition is msg_number=0 htype='header' filename='output/xrd.h5'\n" in log
    assert (
        "DEBUG:src.worker:acquisition is msg_number=1 htype='image' frame=0 shape=[10, 10] type='uint16' "
        "compression='none' data=array([[ 1, 18,  0,  7, 17, 19, 17,  6,  0, 18],\n       [19,  0," in log
    )


def test_intensities_and_results_print_as_in_the_tutorial(example: Path) -> None:
    log = replay(example, "s05_results")
    assert "DEBUG:s04_intensity.worker:intensity is 9.250000\n" in log
    printed = re.findall(
        r"^DEBUG:src\.reducer:result is event_number=(\d+) worker='replay-worker-\d' parameters_hash='[0-9a-f]{64}' "
        r"payload=([\d.]+)$",
        log,
        re.MULTILINE,
    )
    assert [(int(event), float(payload)) for event, payload in printed] == list(enumerate(INTENSITIES, 1))


def test_deltas_are_logged_as_plain_numbers(example: Path) -> None:
    deltas = [0.0, *np.diff([0, *INTENSITIES])]
    assert f"INFO:src.reducer:delta were {[0, *map(float, deltas[1:])]}\n" in replay(
        example, "s06_deltas", level="INFO"
    )


def test_the_file_holds_the_numbers_of_the_tutorial(example: Path) -> None:
    replay(example, "s09_file")
    with processed(example) as file:
        assert file["reduced"].dtype == np.float32
        np.testing.assert_array_equal(file["reduced"], [0, *INTENSITIES])


def test_parameters_reach_worker_and_reducer(example: Path) -> None:
    replay(example, "s10_parameters", "-p test_params.json")
    with processed(example) as file:
        np.testing.assert_allclose(file["reduced"], [0, *INTENSITIES_OF_LARGER_REGION], rtol=1e-5)
        assert [(file[name].dtype, file[name].shape, file[name][()]) for name in ("till_x", "from_y")] == [
            (np.int64, (), 3),
            (np.int64, (), 7),
        ]


@pytest.mark.parametrize("stage", ["s11_integration", "s12_poni"])
def test_the_diffractograms_are_those_of_azint(example: Path, stage: str) -> None:
    log = replay(example, stage, "-p s12_poni/parameters.json", level="INFO")
    assert log.count("azint is not installed") <= 1
    with processed(example) as file:
        np.testing.assert_allclose(file["radial_axis"], RADIAL_AXIS, rtol=1e-6)
        np.testing.assert_allclose(file["I"][1:], DIFFRACTOGRAMS, rtol=1e-6)


@pytest.mark.skipif(not shutil.which("h5dump"), reason="h5dump is not installed")
def test_h5dump_lists_the_file_as_in_the_tutorial(example: Path) -> None:
    replay(example, "s10_parameters", "-p test_params.json")
    listing = subprocess.run(
        ["h5dump", "output/xrd_processed.h5"], cwd=example, capture_output=True, text=True, check=True
    ).stdout
    assert "(0): 0, 8.88889, 8.66667, 8.11111, 6, 6.66667, 8.22222, 10.6667,\n      (8): 12.4444, 14.3333\n" in listing
    assert "DATATYPE  H5T_STD_I64LE\n      DATASPACE  SCALAR\n      DATA {\n      (0): 3\n" in listing


def test_the_capture_in_the_repository_is_what_its_script_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, TUTORIAL / "make_capture.py", tmp_path / "made.cbors"], check=True)
    assert (tmp_path / "made.cbors").read_bytes() == (TUTORIAL / "data" / "dump_xrd.cbors").read_bytes()

"""The file that results are written to, event by event."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest

from dranspose.results.nexus_file import NexusFile
from dranspose.results.rows import UnfitValueError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "scan.h5"


def test_rows_are_those_of_the_events_in_any_order(path: Path) -> None:
    with NexusFile(path) as file:
        for event in (3, 0, 1):
            values = {"mean": event + 0.5, "profile": np.full(4, event, np.int32), "sample": "Å" * event}
            file.add(event, {f"entry/data/{name}": value for name, value in values.items()})
    with h5py.File(path) as written:
        assert written.attrs["default"] == "entry"
        data = written["entry/data"]
        np.testing.assert_array_equal(data["mean"], [0.5, 1.5, np.nan, 3.5])
        assert data["profile"].dtype == np.int32
        assert data["profile"][:, 0].tolist() == [0, 1, 0, 3]
        assert list(data["sample"].asstr()) == ["", "Å", "", "ÅÅÅ"]
        assert data.attrs["NX_class"] == "NXdata"


def test_a_value_may_come_again(path: Path) -> None:
    with NexusFile(path) as file:
        file.add(1, {"entry/data/mean": 1.0})
        file.flush()
        file.add(0, {"entry/data/mean": 2.0})
        file.add(1, {"entry/data/mean": 3.0})
    with h5py.File(path) as written:
        assert written["entry/data/mean"][:].tolist() == [2.0, 3.0]


def test_what_is_flushed_is_read_while_the_file_grows(path: Path) -> None:
    with NexusFile(path) as file:
        file.add(0, {"entry/data/mean": 1.0})
        file.flush()
        with h5py.File(path, "r", swmr=True) as reader:
            mean = reader["entry/data/mean"]
            assert mean[:].tolist() == [1.0]
            file.add(1, {"entry/data/mean": 2.0})
            mean.refresh()
            assert mean[:].tolist() == [1.0]
            file.flush()
            mean.refresh()
            assert mean[:].tolist() == [1.0, 2.0]


def test_a_dataset_may_be_new_while_a_reader_looks_on(path: Path) -> None:
    with NexusFile(path) as file:
        file.add(0, {"entry/data/mean": 1.0})
        file.flush()
        with h5py.File(path, "r", swmr=True) as reader:
            file.add(0, {"entry/data/other": 2.0})
            file.put("entry/data/axis", np.arange(3), {"units": "mm"})
            file.add(1, {"entry/data/mean": 3.0})
            file.flush()
            assert reader["entry/data/mean"][0] == 1.0
        with h5py.File(path, "r", swmr=True) as reader:
            np.testing.assert_array_equal(reader["entry/data/other"], [2.0, np.nan])
            assert reader["entry/data/axis"].attrs["units"] == "mm"
            assert reader["entry/data/mean"][:].tolist() == [1.0, 3.0]


def test_what_was_flushed_outlives_the_process(path: Path) -> None:
    code = f"""
        import os, pathlib, signal
        from dranspose.results.nexus_file import NexusFile
        file = NexusFile(pathlib.Path({str(path)!r}))
        for event in range(1000):
            file.add(event, dict([("entry/data/mean", float(event))]))
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    with h5py.File(path, "r", swmr=True) as reader:
        assert reader["entry/data/mean"][:].tolist() == list(range(1000))


def test_a_dataset_of_the_whole_scan_may_be_written_again(path: Path) -> None:
    with NexusFile(path) as file:
        file.put("entry/data/axis", [1, 2])
        file.flush()
        file.put("entry/data/axis", [1.5, 2.5, 3.5])
    with h5py.File(path) as written:
        assert written["entry/data/axis"][:].tolist() == [1.5, 2.5, 3.5]


def test_what_is_put_often_is_written_in_place_at_each_flush(path: Path) -> None:
    total = np.zeros(3)
    with NexusFile(path) as file:
        file.put("entry/data/sum", total, {"units": "counts", "axes": ["a", "b"]})
        file.flush()
        with h5py.File(path, "r", swmr=True) as reader:
            for step in (1, 2, 3):
                total += step
                file.put("entry/data/sum", total, {"units": "counts", "axes": ["a", "b"]})
            file.flush()
            reader["entry/data/sum"].refresh()
            assert reader["entry/data/sum"][:].tolist() == [6, 6, 6]
        file.put("entry/data/sum", total, {"units": "photons"})
    with h5py.File(path) as written:
        assert written["entry/data/sum"].attrs["units"] == "photons"


@pytest.mark.parametrize("value", [np.datetime64("now"), object(), {"a": 1}])
def test_what_cannot_be_written_is_refused_at_once(path: Path, value: object) -> None:
    with NexusFile(path) as file:
        with pytest.raises(TypeError):
            file.put("entry/data/odd", value)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            file.put("entry/data/odd", 1, {"units": value})
        file.put("entry/data/text", "µm")
    with h5py.File(path) as written:
        assert written["entry/data/text"].asstr()[()] == "µm"
        assert set(written["entry/data"]) == {"text"}


def test_all_datasets_have_as_many_rows(path: Path) -> None:
    with NexusFile(path) as file:
        file.add(0, {"entry/data/seldom": 1.0, "entry/data/often": 1})
        file.add(2, {"entry/data/often": 3})
    with h5py.File(path) as written:
        np.testing.assert_array_equal(written["entry/data/seldom"], [1, np.nan, np.nan])
        np.testing.assert_array_equal(written["entry/data/often"], [1, 0, 3])


@pytest.mark.parametrize("value", [np.zeros(3), 1.5, 1j, "text"])
def test_a_value_that_does_not_fit_is_refused_and_loses_nothing(path: Path, value: object) -> None:
    with NexusFile(path) as file:
        file.add(0, {"entry/data/counts": 1})
        with pytest.raises(UnfitValueError, match="entry/data/counts of event 7"):
            file.add(7, {"entry/data/counts": value})
        file.add(1, {"entry/data/counts": 2})
    with h5py.File(path) as written:
        assert written["entry/data/counts"][:].tolist() == [1, 2]


def test_closing_twice_is_no_error(path: Path) -> None:
    file = NexusFile(path)
    file.close()
    file.close()

import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dranspose.publish.hdf5_file import dump
from dranspose.publish.tree import MAX_ATTRIBUTE_BYTES


def test_every_kind_of_value(every_kind: dict[str, Any], tmp_path: Path) -> None:
    dump(every_kind, tmp_path / "results.h5")
    with h5py.File(tmp_path / "results.h5") as file:
        assert dict(file.attrs) == {"NX_class": "NXroot"}
        assert set(file) == {name for name in every_kind if not name.endswith("_attrs")}
        assert (file["int"].dtype, file["int"].shape, file["int"][()]) == (np.int64, (), 5)
        assert (file["float"].dtype, file["float"][()]) == (np.float64, 1.5)
        assert (file["bool"].dtype, file["bool"][()]) == (np.bool_, True)
        assert isinstance(file["none"][()], h5py.Empty)
        assert file["text"].asstr()[()] == "grüß"
        assert file["bytes"][()] == b"abc"
        assert file["opaque"][()].tobytes() == b"a\0b\0"
        assert file["complex"][()] == 1 + 2j
        assert file["texts"].asstr()[:].tolist() == ["a", "", "cä"]
        assert file["numpy texts"].asstr()[:].tolist() == [["x", "yy"]]
        for name in ("numpy scalar", "image", "big-endian", "half", "bools", "complexes", "records", "subarrays"):
            assert file[name].dtype == every_kind[name].dtype
            np.testing.assert_array_equal(file[name][()], every_kind[name])
        for name in ("list", "empty", "rows"):
            assert file[name][()].tolist() == every_kind[name]
        assert file["group/with space/in ner"].attrs["long name"] == "spät"
        assert len(file["group/nothing"]) == 0
        attributes = dict(file["image"].attrs)
        assert np.isnan(attributes.pop("float"))
        assert isinstance(attributes.pop("none"), h5py.Empty)
        assert {name: value.tolist() if hasattr(value, "tolist") else value for name, value in attributes.items()} == {
            "int": 1,
            "bool": False,
            "text": "ä",
            "texts": ["x", "y"],
            "bytes": b"by",
            "axes": [0, 1, 2],
            "record": [(1, 2.5)],
        }


def test_what_has_no_hdf5_type_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    large = np.zeros(100_000)
    dump({"x": 1, "x_attrs": {"large": large, "a": 1}, "mixed": [1, "a"], 3: 4}, tmp_path / "results.h5")
    with h5py.File(tmp_path / "results.h5") as file:
        assert list(file) == ["x"]
        assert dict(file["x"].attrs) == {"a": 1}
    assert len(caplog.messages) == 3


def test_the_largest_attributes_fit(tmp_path: Path) -> None:
    numbers, texts = np.arange(MAX_ATTRIBUTE_BYTES // 8), ["text"] * (MAX_ATTRIBUTE_BYTES // 16)
    dump({"x": 1, "x_attrs": {"numbers": numbers, "texts": texts}}, tmp_path / "results.h5")
    with h5py.File(tmp_path / "results.h5") as file:
        np.testing.assert_array_equal(file["x"].attrs["numbers"], numbers)
        assert file["x"].attrs["texts"].tolist() == texts


def test_it_takes_the_place_of_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "results.h5"
    dump({"old": 1}, path)
    with h5py.File(path) as reader:
        dump({"new": 2}, str(path))
        assert list(reader) == ["old"]
    with h5py.File(path) as file:
        assert list(file) == ["new"]
    assert [each.name for each in tmp_path.iterdir()] == ["results.h5"]


def test_a_failure_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.h5"
    dump({"old": 1}, path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(OSError, match="No space left"):
        dump({"new": 2}, path)
    monkeypatch.undo()
    with h5py.File(path) as file:
        assert list(file) == ["old"]
    assert [each.name for each in tmp_path.iterdir()] == ["results.h5"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not_there"):
        dump({"x": 1}, tmp_path / "not_there" / "results.h5")


def test_the_lock_is_held_for_the_copy_alone(tmp_path: Path) -> None:
    image = np.ones(3)

    class Lock:
        held = 0

        def __enter__(self) -> None:
            self.held += 1

        def __exit__(self, *_: object) -> None:
            assert not list(tmp_path.iterdir())
            image.fill(-1)

    lock = Lock()
    dump({"image": image}, tmp_path / "results.h5", lock)
    assert lock.held == 1
    with h5py.File(tmp_path / "results.h5") as file:
        assert file["image"][:].tolist() == [1, 1, 1]


def test_a_lock_of_the_writing_thread_may_be_entered_again(tmp_path: Path) -> None:
    lock = threading.RLock()
    with lock:
        dump({"x": 1}, tmp_path / "results.h5", lock)
    assert (tmp_path / "results.h5").is_file()

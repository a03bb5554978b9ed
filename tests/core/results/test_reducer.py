"""The ready reducer: what it writes and publishes."""

import json
from pathlib import Path
from uuid import UUID

import h5py
import numpy as np
import pytest

from dranspose.data.stream1 import Stream1Data
from dranspose.event import EventData, ResultData
from dranspose.middlewares.stream1 import parse
from dranspose.parameters import BinaryParameter, IntParameter, ParameterStore
from dranspose.protocol import BuildMetadata, EventNumber, HashDigest, ReducerState, WorkerName
from dranspose.publish.hdf5_file import dump
from dranspose.replay import replay
from dranspose.results import NexusReducer
from dranspose.results.rows import UnfitValueError
from dranspose.triggermap import TriggerMap


def result(event: int, payload: object = None, digest: str = "a") -> ResultData:
    return ResultData(EventNumber(event), WorkerName("w"), HashDigest(digest), payload)


def parameters(**values: str):
    described = {"rows": IntParameter(name="rows", default=2), "poni": BinaryParameter(name="poni")}
    store = ParameterStore(described, {name: value.encode() for name, value in values.items()})
    return store.version.values


def test_values_are_written_and_published_by_event(tmp_path: Path) -> None:
    reducer = NexusReducer()
    reducer.open(tmp_path / "scan.h5")
    reducer.put("q", [0.1, 0.2, 0.3], units="1/nm")
    for event in (2, 0):
        reducer.add(result(event), mean=float(event), profile=np.full(3, event), sample="a" * event)
    reducer.plot("profile", ".", "q")
    data = reducer.publish["entry"]["data"]
    np.testing.assert_array_equal(data["mean"], [0, np.nan, 2])
    assert data["profile"].tolist() == [0, 0, 0]
    assert list(data["sample"]) == ["", "", "aa"]
    assert data["q_attrs"] == {"units": "1/nm"}
    dump(reducer.publish, tmp_path / "published.h5", reducer.publish_rlock)
    reducer.finish()
    for name in ("scan", "published"):
        with h5py.File(tmp_path / f"{name}.h5") as file:
            group = file["entry/data"]
            assert group.attrs["signal"] == "profile"
            assert list(group.attrs["axes"]) == [".", "q"]
            np.testing.assert_array_equal(group["mean"], [0, np.nan, 2])


def test_the_timer_brings_results_into_the_file(tmp_path: Path) -> None:
    reducer = NexusReducer()
    assert reducer.timer() <= 1
    reducer.open(tmp_path / "scan.h5")
    reducer.add(result(0), mean=1.0)
    reducer.timer()
    with h5py.File(tmp_path / "scan.h5", swmr=True) as file:
        assert file["entry/data/mean"][:].tolist() == [1.0]


def test_how_results_came_about_is_written(tmp_path: Path) -> None:
    trigger_map = TriggerMap.from_json({"uniform": {"streams": ["xrd"], "events": 4}})
    build = BuildMetadata("c0ffee", "main", "now", "git:analysis")
    state = ReducerState("r", "1.2", mapreduce_version=build, trigger_map=trigger_map)
    reducer = NexusReducer(state=state)
    reducer.open(tmp_path / "scan.h5")
    reducer.add(result(0), parameters(poni="Distance: 1"), x=0)
    reducer.add(result(3, digest="b"), parameters(rows="7"), x=0)
    reducer.add(result(1), parameters(poni="Distance: 1"), x=0)
    reducer.finish()
    with h5py.File(tmp_path / "scan.h5") as file:
        process = file["entry/process"]
        assert process["version"].asstr()[()] == "1.2"
        assert process["analysis_commit"].asstr()[()] == "c0ffee"
        assert json.loads(process["trigger_map"].asstr()[()]) == trigger_map.to_json()
        assert process["parameters_index"][:].tolist() == [1, 1, 0, 2]
        first, second = process["parameters_1"], process["parameters_2"]
        assert (first.attrs["hash"], second.attrs["hash"]) == ("a", "b")
        assert first["poni"].asstr()[()] == "Distance: 1"
        assert (first["rows"][()], second["rows"][()]) == (2, 7)


@pytest.mark.parametrize("value", [[1, 2], 1.5])
@pytest.mark.parametrize("is_written", [True, False])
def test_an_event_is_all_there_or_not_at_all(tmp_path: Path, is_written: bool, value: object) -> None:
    reducer = NexusReducer()
    reducer.open(tmp_path / "scan.h5" if is_written else "")
    reducer.add(result(0), a=1, b=1)
    with pytest.raises(UnfitValueError, match="b of event 1"):
        reducer.add(result(1), a=2, b=value)
    reducer.finish()
    assert reducer.publish["entry"]["data"]["a"].tolist() == [1]
    if not is_written:
        return
    with h5py.File(tmp_path / "scan.h5") as file:
        assert file["entry/data/a"][:].tolist() == [1]


def test_a_live_view_is_published_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reducer = NexusReducer()
    reducer.open("")
    reducer.open(tmp_path / "scan.h5")  # it has begun without a file
    reducer.put("q", [1, 2])
    reducer.plot("mean")
    reducer.add(result(1), mean=2.0)
    reducer.timer()
    reducer.finish()
    np.testing.assert_array_equal(reducer.publish["entry"]["data"]["mean"], [np.nan, 2.0])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_not_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    reducer = NexusReducer()
    with pytest.raises(OSError, match="file"):
        reducer.open(tmp_path / "file" / "scan.h5")
    with pytest.raises(ValueError, match="call open"):
        reducer.add(result(0), mean=1.0)


def test_the_scan_is_identified_in_the_file_and_in_what_is_published(tmp_path: Path) -> None:
    scan = UUID(int=7)
    reducer = NexusReducer(state=ReducerState("r", "1.2", mapping_uuid=scan))
    reducer.open(tmp_path / "scan.h5")
    reducer.finish()
    assert reducer.publish["entry"]["entry_identifier_uuid"] == str(scan)
    with h5py.File(tmp_path / "scan.h5") as file:
        assert file["entry/entry_identifier_uuid"].asstr()[()] == str(scan)


def test_a_reducer_without_a_path_says_so() -> None:
    with pytest.raises(ValueError, match="call open"):
        NexusReducer().add(result(0), mean=1.0)


class DictWorker:
    def process_event(self, event: EventData, parameters: object) -> dict[str, object] | None:
        message = parse(event.streams["xrd"])
        if not isinstance(message, Stream1Data):
            return None
        return {"mean": message.data.mean(), "rows": message.data.mean(axis=1)}


class DictReducer(NexusReducer):
    path = "output/scan.h5"


def test_a_worker_that_returns_dicts_needs_but_a_path(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    replay(DictWorker, DictReducer, [captures / "dump_xrd.cbors"])
    with h5py.File("output/scan.h5") as file:
        assert len(file["entry/data/mean"]) == 10
        assert file["entry/data/rows"].shape == (10, 10)

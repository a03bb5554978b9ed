"""Parameters of an analysis, as attributes of the controller."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tango
from tests.tangods.devices import CONTROLLER, Ensemble, properties, proxies, running, wait_for_attributes

from dranspose_tango.testing.change_events import ChangeEvents, wait_for

ANALYSIS = """
from dranspose.parameters import BinaryParameter, BoolParameter, FloatParameter, IntParameter, StrParameter

class Worker:
    def __init__(self, **kwargs): pass

    @staticmethod
    def describe_parameters():
        return [IntParameter(name="rows", default=3, description="of the region"),
                FloatParameter(name="gain", default=0.5, unit="V", minimum=0, maximum=10.5),
                StrParameter(name="title", default="no title"),
                BoolParameter(name="dark", default=True), BinaryParameter(name="mask", default=b"none")]

    def process_event(self, event): pass

class Reducer:
    def __init__(self, **kwargs): pass

    def process_result(self, result): pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with an analysis."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "described.py").write_text(ANALYSIS)
    return tmp_path


@pytest.fixture
def ensemble(folder: Path) -> Iterator[Ensemble]:
    with running(of(folder)):
        devices = proxies()
        devices.wait_for_nodes()
        yield devices


def of(folder: Path) -> dict[str, dict[str, object]]:
    return properties(folder, "described:Worker", "described:Reducer", "tcp://127.0.0.1:9", folder / "state")


def test_they_are_typed_and_begin_with_their_defaults(ensemble: Ensemble) -> None:
    read = {name: ensemble.controller.read_attribute(name) for name in ("rows", "gain", "title", "dark", "mask")}
    assert [attribute.value for attribute in read.values()] == [3, 0.5, "no title", True, ("binary", b"none")]
    assert [attribute.type for attribute in read.values()] == [
        tango.CmdArgType.DevLong64, tango.CmdArgType.DevDouble, tango.CmdArgType.DevString,
        tango.CmdArgType.DevBoolean, tango.CmdArgType.DevEncoded,
    ]  # fmt: skip
    assert [read[name].w_value for name in ("rows", "gain", "title", "dark")] == [3, 0.5, "no title", True]
    assert ensemble.controller.get_attribute_config("rows").description == "of the region"


@pytest.mark.parametrize(
    ("name", "value"), [("rows", -(2**62)), ("gain", 1e-300), ("title", "två rader\n\xb5m"), ("dark", False)]
)
def test_a_value_that_is_written_is_in_force(ensemble: Ensemble, name: str, value: object) -> None:
    before = ensemble.controller.parametersHash
    with ChangeEvents(ensemble.controller, name) as events:
        ensemble.controller.write_attribute(name, value)
        assert ensemble.controller.read_attribute(name).value == value
        assert ensemble.controller.parametersHash != before
        events.wait_for(lambda shown: shown == value)


def test_a_value_set_by_command_shows_as_written(ensemble: Ensemble) -> None:
    with ChangeEvents(ensemble.controller, "rows") as events:
        hash_ = ensemble.controller.SetParameter(["rows", "17"])
        events.wait_for(lambda shown: shown == 17)
    assert ensemble.controller.parametersHash == hash_
    wait_for(ensemble.controller, "parametersHash", lambda shown: shown == hash_)
    assert ensemble.controller.read_attribute("rows").w_value == 17


def test_what_does_not_fit_is_refused_and_changes_nothing(ensemble: Ensemble) -> None:
    before = ensemble.controller.parametersHash
    with pytest.raises(tango.DevFailed, match=r"PARAMETER_INVALID[\s\S]*'rows' \(int\): 'many' is not int|'many'"):
        ensemble.controller.SetParameter(["rows", "many"])
    with pytest.raises(tango.DevFailed, match="PARAMETER_INVALID"):
        ensemble.controller.SetParameter(["rows"])
    assert (ensemble.controller.rows, ensemble.controller.parametersHash) == (3, before)


def test_a_number_beyond_its_limits_is_refused_in_every_way(ensemble: Ensemble) -> None:
    config = ensemble.controller.get_attribute_config("gain")
    assert (config.unit, float(config.min_value), float(config.max_value)) == ("V", 0, 10.5)
    with pytest.raises(tango.DevFailed, match="WAttrOutsideLimit"):
        ensemble.controller.write_attribute("gain", 10.75)
    for change in ("SetParameter", ["gain", "-1"]), ("UploadParameter", ("gain", b"-1")):
        with pytest.raises(tango.DevFailed, match=r"'gain' \(float\): -1.0 is beyond its limits: minimum 0.0"):
            ensemble.controller.command_inout(*change)
    assert ensemble.controller.gain == 0.5
    ensemble.controller.gain = 10.5
    described = {parameter["name"]: parameter for parameter in json.loads(ensemble.controller.DescribeParameters())}
    assert (described["gain"]["minimum"], described["gain"]["maximum"], described["gain"]["unit"]) == (0, 10.5, "V")


def test_a_number_beyond_tango_does_not_keep_the_others_from_being_told(ensemble: Ensemble) -> None:
    with ChangeEvents(ensemble.controller, "gain") as events:
        ensemble.controller.SetParameter(["rows", str(2**70)])
        ensemble.controller.SetParameter(["gain", "0.25"])
        events.wait_for(lambda shown: shown == 0.25)
    ensemble.controller.SetParameter(["rows", "4"])
    assert ensemble.controller.rows == 4


def test_a_binary_one_comes_by_attribute_by_command_and_by_path(ensemble: Ensemble, folder: Path) -> None:
    contents = [np.random.default_rng(i).bytes(10**6) for i in range(3)]
    ensemble.controller.write_attribute("mask", ("", contents[0]))
    assert ensemble.controller.mask == ("binary", contents[0])
    ensemble.controller.UploadParameter(("mask", contents[1]))
    assert ensemble.controller.mask == ("binary", contents[1])
    (folder / "mask.npy").write_bytes(contents[2])
    ensemble.controller.write_attribute("maskFile", str(folder / "mask.npy"))
    assert ensemble.controller.mask == ("binary", contents[2])
    assert ensemble.controller.maskFile == str(folder / "mask.npy")
    ensemble.controller.UploadParameter(("mask", b"other"))
    assert ensemble.controller.maskFile == ""


def test_a_path_is_read_below_the_upload_directories_only(ensemble: Ensemble, folder: Path) -> None:
    outside = folder.with_name(folder.name + "-outside")
    outside.write_bytes(b"secret")
    (folder / "link").symlink_to(outside)
    for path in (outside, folder / "link", folder / ".." / outside.name, folder / "missing", folder):
        with pytest.raises(tango.DevFailed, match="UPLOAD_REFUSED"):
            ensemble.controller.write_attribute("maskFile", str(path))
    assert ensemble.controller.mask == ("binary", b"none")


def test_they_are_described(ensemble: Ensemble) -> None:
    described = {parameter["name"]: parameter for parameter in json.loads(ensemble.controller.DescribeParameters())}
    assert described["rows"] == {
        "name": "rows",
        "dtype": "int",
        "description": "of the region",
        "unit": "",
        "default": 3,
        "size": 1,
    }
    assert described["mask"]["default"] is None
    ensemble.controller.UploadParameter(("mask", b"twelve bytes"))
    (size,) = (each["size"] for each in json.loads(ensemble.controller.DescribeParameters()) if each["name"] == "mask")
    assert size == 12


def test_values_outlive_the_controller(folder: Path) -> None:
    mask = np.random.default_rng().bytes(3 * 10**6)
    for _ in range(2):
        with running(of(folder)):
            devices = proxies()
            devices.wait_for_nodes()
            devices.controller.write_attribute("title", "remembered")
            devices.controller.UploadParameter(("mask", mask))
            devices.controller.SetParameter(["own/name.unfinished", "also one that nobody describes"])
            hash_ = devices.controller.parametersHash
    with running(of(folder)):
        devices = proxies()
        devices.wait_for_nodes()
        assert devices.controller.title == "remembered"
        assert devices.controller.read_attribute("title").w_value == "remembered"
        assert devices.controller.mask == ("binary", mask)
        assert (devices.controller.rows, devices.controller.parametersHash) == (3, hash_)
        devices.controller.Init()
        devices.wait_for_nodes()
        wait_for(devices.controller, "parametersHash", lambda shown: shown == hash_)


def test_the_defaults_of_the_controller_hold_until_a_value_is_set(folder: Path) -> None:
    devices = of(folder)
    (folder / "content").write_bytes(b"a=b")
    devices[CONTROLLER]["ParameterDefaults"] = ["rows=7", "title=a=b", f"mask=@{folder / 'content'}"]
    for rows in (7, 8):
        with running(devices):
            ensemble = proxies()
            ensemble.wait_for_nodes()
            read = [ensemble.controller.read_attribute(name).value for name in ("rows", "title", "mask", "dark")]
            assert read == [rows, "a=b", ("binary", b"a=b"), True]
            ensemble.controller.rows = 8


def test_a_value_that_cannot_be_remembered_is_said(folder: Path) -> None:
    devices = of(folder)
    (folder / "file").touch()
    devices[CONTROLLER]["StateFolder"] = str(folder / "file" / "state")
    with running(devices):
        ensemble = proxies()
        ensemble.wait_for_nodes()
        with pytest.raises(tango.DevFailed, match=r"rows is in force, but will be lost with the controller: .*file"):
            ensemble.controller.SetParameter(["rows", "5"])
        assert ensemble.controller.rows == 5


def test_a_value_that_can_be_remembered_no_more_is_said(ensemble: Ensemble, folder: Path) -> None:
    (folder / "state" / "mask").mkdir(parents=True)  # a file cannot take its place
    with ChangeEvents(ensemble.controller, "lastErrors") as errors:
        ensemble.controller.UploadParameter(("mask", bytes(2**21)))
        errors.wait_for(lambda texts: texts and "parameter mask is in force, but will be lost" in texts[-1])


def test_reload_brings_new_ones(ensemble: Ensemble, folder: Path) -> None:
    other = ANALYSIS.replace('name="rows"', 'name="columns"').replace('name="mask"', 'name="flat"')
    (folder / "described.py").write_text(other.replace("0.5", "0.75"))
    for worker in ensemble.workers:
        worker.Reload()
    wait_for(ensemble.controller, "parameters", lambda names: {"columns", "flat", "gain"} <= set(names))
    assert ensemble.controller.columns == 3
    assert ensemble.controller.gain == 0.75
    wait_for_attributes(ensemble.controller, lambda names: "rows" not in names)

    (folder / "described.py").write_text(ANALYSIS)
    for worker in ensemble.workers:
        worker.Reload()
    wait_for(ensemble.controller, "parameters", lambda names: {"rows", "mask"} <= set(names) and "flat" not in names)
    assert not [error for error in ensemble.controller.lastErrors if "cannot tell" in error]

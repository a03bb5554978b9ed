"""The panel's window on an ensemble that runs: what its widgets show, and what they do."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tango
from taurus.external.qt import QtCore, QtWidgets
from taurus.qt.qtgui.application import TaurusApplication
from tests.free_ports import free_url
from tests.panel.rings import IMAGES, PARAMETERS, SATURATED, detector, images, rings_apart, trigger_map, write_worker

from dranspose_tango.observation import beside
from dranspose_tango.remote import RemoteController
from dranspose_tango.taurus.device_table import COLOURS, HEADINGS
from dranspose_tango.taurus.panel import Panel
from dranspose_tango.taurus.plots import CurvePlot, ImagePlot, levels

PATIENCE = 30.0  # seconds that a test waits for what should take one

Until = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="session")
def until() -> Until:
    """Return what lets the window work until a condition holds."""
    app = TaurusApplication(["panel"], cmd_line_parser=None)

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not come"
            app.processEvents(QtCore.QEventLoop.WaitForMoreEvents | QtCore.QEventLoop.AllEvents, 50)

    return wait


@pytest.fixture
def url() -> str:
    return free_url()


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The devices of an ensemble that runs in a process of its own, without a database."""

    url: str

    @property
    def controller(self) -> tango.DeviceProxy:
        return tango.DeviceProxy(self.url)

    @property
    def reducer(self) -> tango.DeviceProxy:
        return tango.DeviceProxy(beside(self.url, "test/dranspose/reducer"))

    @property
    def workers(self) -> list[tango.DeviceProxy]:
        return [tango.DeviceProxy(beside(self.url, f"test/dranspose/worker-{i}")) for i in (1, 2)]


@pytest.fixture
def ensemble(tmp_path: Path, url: str) -> Iterator[Ensemble]:
    with rings_apart(tmp_path, url) as controller:
        yield Ensemble(controller)


@pytest.fixture
def panel(ensemble: Ensemble, until: Until) -> Iterator[Panel]:
    gc.collect()  # the window before: if Python does it while it holds a lock of Taurus, its proxies wait for ever
    window = Panel(RemoteController(ensemble.url))
    try:
        window.show()
        until(lambda: len(states(window)) == 5 and window.form.files)
        yield window
    finally:
        window.close()


def cells(panel: Panel, heading: str, role: int = QtCore.Qt.DisplayRole) -> dict[str, object]:
    """Return a column of the table of devices, by their names."""
    model = panel.devices.model()
    column = HEADINGS.index(heading)
    return {model.index(row, 0).data(): model.index(row, column).data(role) for row in range(model.rowCount())}


def states(panel: Panel) -> dict[str, object]:
    return cells(panel, "State")


def field(panel: Panel, parameter: str) -> object:
    """Return the row of a parameter in the form."""
    (found,) = (item for item in panel.form.form.getItems() if item.getModelObj().getSimpleName() == parameter)
    return found


@pytest.fixture
def scanned(panel: Panel, ensemble: Ensemble, until: Until, url: str) -> Panel:
    """Return the panel after a scan."""
    with detector(url, images()):
        ensemble.controller.Arm(trigger_map())
        until(
            lambda: panel.progress.format() == f"{IMAGES + 2} of {IMAGES + 2} events" and "sum" in panel.gallery.plots
        )
        until(lambda: panel.state.text() == "ALARM")
        until(lambda: panel.values.rowCount() == 2 and panel.values.item(0, 1).text() == str(IMAGES - 1))
    return panel


def test_devices_and_parameters_are_there(panel: Panel, until: Until) -> None:
    assert set(states(panel)) == {"controller", "ingester", "worker-1", "worker-2", "reducer"}
    until(lambda: states(panel)["worker-1"] == states(panel)["worker-2"] == "STANDBY")
    assert panel.state.text() == "STANDBY"
    assert not panel.commands["Stop"].isEnabled()
    until(lambda: field(panel, "threshold").readWidget().text() == "0.125")
    until(lambda: field(panel, "threshold").writeWidget().text() == "0.125")
    until(lambda: field(panel, "sample").writeWidget().text() == "LaB6")
    assert list(panel.form.files) == ["mask"]
    assert panel.form.files["mask"].size_label.text() == "empty"


def test_results_of_a_scan(scanned: Panel, until: Until) -> None:
    seen = np.sum([image for frame, image in enumerate(images()) if frame != SATURATED], axis=0)
    assert list(scanned.gallery.plots) == ["latest", "sum", "pattern_intensity", "region"]
    _, image, pattern, region = scanned.gallery.plots.values()
    assert isinstance(image, ImagePlot)
    assert isinstance(pattern, CurvePlot)
    assert isinstance(region, CurvePlot)
    until(lambda: np.array_equal(image.image.image, seen))
    until(lambda: np.size(region.curve.yData) == IMAGES - 1)  # None before its first event
    until(lambda: pattern.curve.yData is not None)
    np.testing.assert_allclose(pattern.curve.xData, 0.05 * np.arange(len(pattern.curve.yData)))
    assert pattern.getAxis("bottom").labelText == "q (1/A)"
    assert image.getPlotItem().titleLabel.text == "Sum of all images (counts)"
    until(lambda: image.scale.levels() == levels(seen))
    image.scale.setLevels((1, 2))
    image.scale.sigLevelsChangeFinished.emit(image.scale)  # as when a handle of the scale is let go
    image.image.setImage(seen)
    assert tuple(image.image.levels) == (1, 2)
    (automatic,) = (each for each in image.getPlotItem().getViewBox().menu.actions() if "colours" in each.text())
    automatic.trigger()
    assert tuple(image.image.levels) == levels(seen)
    table = [[scanned.values.item(row, column).text() for column in (0, 1)] for row in range(2)]
    assert table == [["/images", str(IMAGES - 1)], ["/sample", "LaB6"]]


def test_results_go_with_the_next_scan_and_come_back(
    scanned: Panel, ensemble: Ensemble, until: Until, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = list(scanned.gallery.plots)
    ensemble.controller.Arm(trigger_map())
    until(lambda: not scanned.gallery.plots and scanned.values.rowCount() == 0)
    assert ensemble.reducer.read_attribute("sum").quality == tango.AttrQuality.ATTR_INVALID
    with detector(url, images()):
        until(lambda: list(scanned.gallery.plots) == before)
        until(lambda: scanned.values.rowCount() == 2 and scanned.values.item(0, 1).text() == str(IMAGES - 1))
    until(lambda: scanned.gallery.plots["sum"].image.image is not None)
    assert not [record for record in caplog.records if "handleEvent" in record.getMessage()]


def test_errors_have_the_users_traceback_and_the_log_goes_on(scanned: Panel, until: Until) -> None:
    until(lambda: scanned.errors.list.count() == 1)
    assert scanned.errors.list.item(0).text() == f"ValueError: frame {SATURATED} is saturated"
    assert "ring_worker.py" in scanned.errors.traceback.toPlainText()
    assert scanned.messages.tabText(0) == "Errors (1)"
    until(lambda: "is saturated" in scanned.log.toPlainText())
    scanned.commands["Reset"].click()
    until(lambda: scanned.state.text() == "STANDBY" and scanned.errors.list.count() == 0)


def test_a_parameter_is_written_from_the_form(panel: Panel, ensemble: Ensemble, until: Until) -> None:
    until(lambda: field(panel, "threshold").readWidget().text() == "0.125")
    until(lambda: field(panel, "threshold").writeWidget().text() == "0.125")
    field(panel, "threshold").writeWidget().setText("0.0625")
    assert ensemble.controller.threshold == 0.125
    panel.form.form.apply()
    until(lambda: field(panel, "threshold").readWidget().text() == "0.0625")
    assert ensemble.controller.threshold == 0.0625
    ensemble.controller.sample = "CeO2"
    until(lambda: field(panel, "sample").readWidget().text() == "CeO2")


def test_a_file_is_uploaded(
    panel: Panel, ensemble: Ensemble, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(256)) * 5
    chosen = iter([str(tmp_path / "nowhere"), str(tmp_path / "mask.npy"), ""])
    monkeypatch.setattr(QtWidgets.QFileDialog, "getOpenFileName", lambda *_: (next(chosen), ""))
    (tmp_path / "mask.npy").write_bytes(content)
    button = panel.form.files["mask"].button
    button.click()
    until(lambda: "No such file" in panel.statusBar().currentMessage())
    button.click()
    until(lambda: panel.form.files["mask"].size_label.text() == "1,280 bytes")
    assert ensemble.controller.mask == ("binary", content)
    assert panel.statusBar().currentMessage() == "mask: mask.npy, 1,280 bytes"
    button.click()
    assert next(chosen, None) is None


def test_a_region_that_is_drawn_sets_its_parameters(scanned: Panel, ensemble: Ensemble, until: Until) -> None:
    plot = scanned.gallery.plots["sum"]
    (item,) = plot.regions.values()
    until(item.isVisible)
    assert (*item.pos(), *item.size()) == (20, 10, 30, 20)
    item.setSize((12.2, 8.9), finish=False)
    item.setPos((69.8, 50.3))
    names = [f"roi_{end}" for end in ("x", "y", "width", "height")]
    until(lambda: [ensemble.controller.read_attribute(name).value for name in names] == [70, 50, 10, 9])
    until(lambda: (*item.pos(), *item.size()) == (70, 50, 10, 9))
    ensemble.controller.roi_x = 5
    until(lambda: item.pos()[0] == 5)
    ensemble.controller.roi_width = 500
    until(lambda: not item.isVisible())


def test_a_region_that_is_refused_goes_back(scanned: Panel, until: Until) -> None:
    (item,) = scanned.gallery.plots["sum"].regions.values()
    until(item.isVisible)
    item.setSize((2, 7))
    until(lambda: "roi_width" in scanned.statusBar().currentMessage())
    assert "minimum" in scanned.statusBar().currentMessage()
    until(lambda: (*item.pos(), *item.size()) == (20, 10, 30, 20))


def test_a_device_in_fault_and_parameters_of_another_class(
    panel: Panel, ensemble: Ensemble, until: Until, tmp_path: Path
) -> None:
    (tmp_path / "ring_worker.py").write_text("raise OSError('no such library')")
    for worker in ensemble.workers:
        worker.Reload()
    until(lambda: states(panel)["worker-1"] == states(panel)["worker-2"] == "FAULT")
    assert cells(panel, "State", QtCore.Qt.BackgroundRole)["worker-1"].name() == COLOURS["FAULT"]
    assert "importing ring_worker failed" in cells(panel, "Status")["worker-1"]
    until(lambda: "OSError: no such library" in panel.errors.traceback.toPlainText())
    write_worker(tmp_path, PARAMETERS + 'FloatParameter(name="distance", default=0.25), BinaryParameter(name="poni")')
    for worker in ensemble.workers:
        worker.Reload()
    until(lambda: set(panel.form.files) == {"mask", "poni"})
    until(lambda: field(panel, "distance").readWidget().text() == "0.25")
    until(lambda: states(panel)["worker-1"] == states(panel)["worker-2"] == "STANDBY")


def test_commands_that_are_refused_say_why(panel: Panel, ensemble: Ensemble, until: Until) -> None:
    ensemble.controller.write_attribute("liveXrd", False)
    panel.commands["Live"].click()
    until(lambda: "no stream is chosen" in panel.statusBar().currentMessage())
    ensemble.controller.write_attribute("liveXrd", True)
    panel.commands["Live"].click()
    until(lambda: panel.state.text() == "RUNNING" and panel.commands["Stop"].isEnabled())
    panel.commands["Abort"].click()
    until(lambda: panel.state.text() == "STANDBY")


def test_hot_pixels_do_not_take_all_colours() -> None:
    image = np.full((100, 100), 5.0)
    image[0, :50] = 1
    image[50, 50] = 1e9
    image[3, 3] = np.nan
    assert levels(image) == (1.0, 5.0)
    assert levels(np.full((2, 2), np.nan)) == (0.0, 1.0)
    assert levels(np.zeros((2, 2), "u2")) == (0.0, 1.0)

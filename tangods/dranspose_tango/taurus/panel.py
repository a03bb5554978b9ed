"""The window: devices and parameters on the left, results on the right, errors and the log below."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tango
from taurus.external.qt import QtCore, QtWidgets
from taurus.qt.qtgui.application import TaurusApplication

from dranspose.parameters import FloatParameter, IntParameter
from dranspose_tango.observation import AWAY, device_name, full_name
from dranspose_tango.remote import RemoteController
from dranspose_tango.taurus.device_table import DeviceTable, colour, in_one_line
from dranspose_tango.taurus.errands import Errands
from dranspose_tango.taurus.gallery import Gallery
from dranspose_tango.taurus.messages import ErrorList, LogList
from dranspose_tango.taurus.parameter_form import ParameterForm
from dranspose_tango.taurus.regions import Rectangle, Region, regions
from dranspose_tango.taurus.value_table import ValueTable
from dranspose_tango.taurus.watch import View, Watch

WHOLE = 1000  # steps of the progress bar

COMMANDS = {
    "Live": "begin a scan without end of the streams that are switched on, and start their detectors",
    "Stop": "end the scan: what has been begun is finished",
    "Abort": "end the scan at once: what has been begun is lost",
    "Reset": "forget the errors of all devices, and start those in FAULT anew",
}
"""The commands that have a button, and what for."""


class Panel(QtWidgets.QMainWindow):
    """A window on an ensemble.

    Args:
        controller: its controller.
        others: full names of devices that are not found from there.
    """

    _seen = QtCore.Signal(object)
    _told = QtCore.Signal(str, bool)
    _settled = QtCore.Signal(object)

    def __init__(self, controller: RemoteController, others: Iterable[str] = ()) -> None:
        super().__init__()
        self._controller = controller
        self._url = full_name(controller.device)
        self.view = View()
        self.state = QtWidgets.QLabel()
        self.status = QtWidgets.QLabel()
        self.progress = QtWidgets.QProgressBar()
        self.devices = DeviceTable()
        self.form = ParameterForm(self._url, self.choose_file)
        self.gallery = Gallery()
        self.values = ValueTable()
        self.errors = ErrorList()
        self.log = LogList()
        self.messages = QtWidgets.QTabWidget()
        self.commands = {command: QtWidgets.QPushButton(command) for command in COMMANDS}
        self._arrange()
        self.form.upload.connect(self._upload)
        self.gallery.drawn.connect(self._set_region)
        self._seen.connect(self.show_view)
        self._told.connect(self._tell)
        self._settled.connect(self.gallery.settle)
        self._errands = Errands(self._told.emit)
        self._errands.start()
        self._watch = Watch(controller, others, self._seen.emit)
        self._watch.start()

    def choose_file(self, parameter: str) -> Path | None:
        """Ask the user for the file of a parameter."""
        name, _ = QtWidgets.QFileDialog.getOpenFileName(self, f"File for {parameter}")
        return Path(name) if name else None

    def show_view(self, view: View) -> None:
        """Show an ensemble as it is now."""
        self.view = view
        self.devices.show_devices(view.devices)
        self._show_progress(view)
        self.log.show_log(view.log)
        if view.progress is None:
            return  # what was there remains to be seen while the controller is away
        self.form.show_parameters(view.parameters)
        drawable = regions(
            each.name for each in view.parameters if isinstance(each.parameter, IntParameter | FloatParameter)
        )
        self.gallery.show_results(view.results, view.reducer, drawable, view.settings)
        self.values.show_values(view.results, view.values)
        self.errors.show_errors(view.errors)
        self.messages.setTabText(0, f"Errors ({len(view.errors)})" if view.errors else "Errors")

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's
        """End the threads and let go of all attributes."""
        self._watch.close()
        self._errands.close()
        self.gallery.close_models()
        self.form.close_models()
        super().closeEvent(event)

    def _arrange(self) -> None:
        self.setWindowTitle(f"dranspose: {device_name(self._url)}")
        results = QtWidgets.QTabWidget()
        results.addTab(self.gallery, "Results")
        results.addTab(self.values, "Values")
        self.messages.addTab(self.errors, "Errors")
        self.messages.addTab(self.log, "Log")
        left = _split(QtCore.Qt.Vertical, _titled("Devices", self.devices), _titled("Parameters", self.form))
        left.setSizes([230, 420])
        above = _split(QtCore.Qt.Horizontal, left, results)
        above.setSizes([520, 880])
        whole = _split(QtCore.Qt.Vertical, above, self.messages)
        whole.setSizes([690, 150])
        central = QtWidgets.QWidget()
        layout = QtWidgets.QVBoxLayout(central)
        layout.addWidget(self._header())
        layout.addWidget(whole, 1)
        self.setCentralWidget(central)
        self.resize(1400, 900)
        self.statusBar()

    def _header(self) -> Any:
        self.state.setAlignment(QtCore.Qt.AlignCenter)
        self.state.setMinimumWidth(110)
        self.status.setTextInteractionFlags(QtCore.Qt.TextSelectableByMouse)
        self.status.setSizePolicy(QtWidgets.QSizePolicy.Ignored, QtWidgets.QSizePolicy.Preferred)
        self.progress.setMaximum(WHOLE)
        self.progress.setFixedWidth(300)
        header = QtWidgets.QWidget()
        layout = QtWidgets.QHBoxLayout(header)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QtWidgets.QLabel(f"<b>{device_name(self._url)}</b>"))
        layout.addWidget(self.state)
        layout.addWidget(self.status, 1)
        layout.addWidget(self.progress)
        for command, button in self.commands.items():
            button.setToolTip(COMMANDS[command])
            button.clicked.connect(self._caller(command))
            layout.addWidget(button)
        return header

    def _show_progress(self, view: View) -> None:
        progress = view.progress
        state = AWAY if progress is None else progress.state
        status = "the controller does not answer" if progress is None else in_one_line(progress.status)
        self.state.setText(state)
        self.state.setStyleSheet(f"background: {colour(state).name()}; color: black; font-weight: bold; padding: 4px")
        self.status.setText(status)
        self.status.setToolTip(status)
        if progress is not None:
            self.progress.setValue(WHOLE * progress.completed // progress.total if progress.total else 0)
            self.progress.setFormat(f"{progress.completed:,} of {progress.total:,} events")
        in_scan = progress is not None and not progress.is_over
        for command, button in self.commands.items():
            button.setEnabled(progress is not None and (command == "Reset" or (command != "Live") == in_scan))

    def _caller(self, command: str) -> Any:
        def call() -> str:
            there = [url for sight, url in zip(self.view.devices, self.view.urls, strict=True) if sight.state != AWAY]
            for url in there if command == "Reset" else (self._url,):
                tango.DeviceProxy(url).command_inout(command)
            return command

        return lambda _checked: self._errands.add(call)

    def _upload(self, name: str, path: Path) -> None:
        def upload() -> str:
            content = path.read_bytes()
            self._controller.device.UploadParameter((name, content))
            return f"{name}: {path.name}, {len(content):,} bytes"

        self._errands.add(upload)

    def _set_region(self, region: Region, rectangle: Rectangle) -> None:
        whole = {each.name for each in self.view.parameters if isinstance(each.parameter, IntParameter)}
        values = {name: int(v) if name in whole else float(v) for name, v in region.values(rectangle).items()}

        def write() -> str:
            try:
                for name, value in values.items():
                    self._controller.device.write_attribute(name, value)
            finally:
                self._settled.emit(region)
            return ", ".join(f"{name} = {value}" for name, value in values.items())

        self._errands.add(write)

    def _tell(self, text: str, is_failure: bool) -> None:
        self.statusBar().setStyleSheet("color: #b00020" if is_failure else "")
        self.statusBar().showMessage(text)


def run(controller: RemoteController, others: Iterable[str]) -> int:
    """Show the panel of an ensemble until its window is closed."""
    app = TaurusApplication(sys.argv[:1], cmd_line_parser=None, app_name="dranspose")
    panel = Panel(controller, others)
    panel.show()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: panel.close())
    status: int = app.exec_()
    return status


def _titled(title: str, content: Any) -> Any:
    box = QtWidgets.QGroupBox(title)
    layout = QtWidgets.QVBoxLayout(box)
    layout.setContentsMargins(4, 4, 4, 4)
    layout.addWidget(content)
    return box


def _split(orientation: Any, *parts: Any) -> Any:
    splitter = QtWidgets.QSplitter(orientation)
    for part in parts:
        splitter.addWidget(part)
    return splitter

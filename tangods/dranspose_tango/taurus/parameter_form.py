"""The parameters of an analysis as a form: a field for each, in its type, and a button for those that are files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from taurus.core.units import Quantity
from taurus.external.qt import QtCore, QtWidgets
from taurus.qt.qtgui.base import TaurusBaseComponent
from taurus.qt.qtgui.display import TaurusLabel
from taurus.qt.qtgui.panel import TaurusForm

from dranspose.parameters import Parameter
from dranspose_tango.remote import Described
from dranspose_tango.taurus.models import attribute_model

TaurusBaseComponent.defaultFormatDict |= {float: "{:.15g}", Quantity: "{:~.15g}"}  # not only two digits

ChooseFile = Callable[[str], Path | None]


class FileRow(QtWidgets.QWidget):
    """A binary parameter: its size, and a button that uploads a file.

    Args:
        name: of the parameter.
        choose: asks the user for a file, None if there is to be none.
    """

    chosen = QtCore.Signal(str, object)

    def __init__(self, name: str, choose: ChooseFile, parent: Any = None) -> None:
        super().__init__(parent)
        self._name = name
        self._choose = choose
        self.size_label = QtWidgets.QLabel()
        self.button = QtWidgets.QPushButton("File…")
        self.button.clicked.connect(self._ask)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.size_label, 1)
        layout.addWidget(self.button)

    def show_size(self, size: int) -> None:
        """Show how large the present value is."""
        self.size_label.setText(f"{size:,} bytes" if size else "empty")

    def _ask(self) -> None:
        if (path := self._choose(self._name)) is not None:
            self.chosen.emit(self._name, path)


class ParameterForm(QtWidgets.QWidget):
    """The form, which is made anew when other parameters are described.

    Args:
        controller: full name of the device that holds them.
        choose: asks the user for the file of a binary parameter, None if there is to be none.

    Attributes:
        upload: signal with name and path of what is to be uploaded.
    """

    upload = QtCore.Signal(str, object)

    def __init__(self, controller: str, choose: ChooseFile, parent: Any = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._choose = choose
        self._parameters: list[Parameter[Any]] = []
        self.form = TaurusForm(self)
        self.form.setModifiableByUser(False)
        self.files: dict[str, FileRow] = {}
        self._files_box = QtWidgets.QGroupBox("Files")
        self._files_layout = QtWidgets.QFormLayout(self._files_box)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form, 1)
        layout.addWidget(self._files_box)
        self._files_box.hide()

    def show_parameters(self, parameters: tuple[Described, ...]) -> None:
        """Take what there is to show."""
        described = [each.parameter for each in parameters]
        if described != self._parameters:
            self._parameters = described
            self._make(parameters)
        for each in parameters:
            if each.is_binary:
                self.files[each.name].show_size(each.size)

    def close_models(self) -> None:
        """Let go of all attributes."""
        self.form.setModel([])

    def _make(self, parameters: tuple[Described, ...]) -> None:
        self.form.setModel([attribute_model(self._controller, each.name) for each in parameters if not each.is_binary])
        for item in self.form.getItems():
            if isinstance(item.readWidget(), TaurusLabel):
                item.readWidget().setBgRole("none")  # all are valid: what is pending stands out
        while self._files_layout.rowCount():
            self._files_layout.removeRow(0)
        self.files = {each.name: FileRow(each.name, self._choose) for each in parameters if each.is_binary}
        for each in parameters:
            if each.is_binary:
                row = self.files[each.name]
                row.setToolTip(each.parameter.description or each.name)
                row.chosen.connect(self.upload)
                self._files_layout.addRow(each.name, row)
        self._files_box.setVisible(bool(self.files))

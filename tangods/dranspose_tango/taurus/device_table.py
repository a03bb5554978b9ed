"""The devices of an ensemble as a table: states in colour, rates, and why."""

from __future__ import annotations

from typing import Any

from taurus.external.qt import QtCore, QtGui, QtWidgets

from dranspose_tango.observation import AWAY, Sight

HEADINGS = ("Device", "State", "Done", "Per second", "Load", "Status")
STATE = HEADINGS.index("State")

COLOURS = {
    "STANDBY": "#d7ecd9",
    "RUNNING": "#6cc070",
    "MOVING": "#8ec9f0",
    "INIT": "#e6e0c0",
    "ALARM": "#f8b44c",
    "FAULT": "#e8564a",
    "UNKNOWN": "#b9a3cf",
    AWAY: "#e8564a",
}


def colour(state: str) -> Any:
    """Return the colour of a state."""
    return QtGui.QColor(COLOURS.get(state, "#d0d0d0"))


def in_one_line(text: str) -> str:
    """Return a text without line breaks."""
    return " ".join(text.split())


class DeviceModel(QtCore.QAbstractTableModel):
    """One row for each device."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._sights: tuple[Sight, ...] = ()

    def show(self, sights: tuple[Sight, ...]) -> None:
        """Take what there is to show."""
        if len(sights) != len(self._sights):
            self.beginResetModel()
            self._sights = sights
            self.endResetModel()
        elif sights != self._sights:
            self._sights = sights
            self.dataChanged.emit(self.index(0, 0), self.index(len(sights) - 1, len(HEADINGS) - 1))

    def rowCount(self, parent: Any = None) -> int:  # noqa: N802 - Qt's
        """Return how many devices there are."""
        return len(self._sights)

    def columnCount(self, parent: Any = None) -> int:  # noqa: N802 - Qt's
        """Return how many things are told of each."""
        return len(HEADINGS)

    def headerData(self, section: int, orientation: Any, role: int = QtCore.Qt.DisplayRole) -> Any:  # noqa: N802 - Qt's
        """Return the heading of a column."""
        if role == QtCore.Qt.DisplayRole and orientation == QtCore.Qt.Horizontal:
            return HEADINGS[section]
        return None

    def data(self, index: Any, role: int = QtCore.Qt.DisplayRole) -> Any:
        """Return text, colour and alignment of a cell."""
        sight = self._sights[index.row()]
        column = index.column()
        if role == QtCore.Qt.DisplayRole:
            return _texts(sight)[column]
        if role == QtCore.Qt.ToolTipRole:
            return f"{sight.name}\n{sight.status}"
        if role == QtCore.Qt.BackgroundRole and column == STATE:
            return colour(sight.state)
        if role == QtCore.Qt.ForegroundRole and column == STATE:
            return QtGui.QColor("black")
        if role == QtCore.Qt.TextAlignmentRole and HEADINGS[column] in ("Done", "Per second", "Load"):
            return QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter
        return None


class DeviceTable(QtWidgets.QTableView):
    """The table."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.setModel(DeviceModel(self))
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setSelectionMode(QtWidgets.QAbstractItemView.NoSelection)
        self.setWordWrap(False)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QtWidgets.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(len(HEADINGS) - 1, QtWidgets.QHeaderView.Stretch)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)

    def show_devices(self, sights: tuple[Sight, ...]) -> None:
        """Take what there is to show."""
        self.model().show(sights)


def _texts(sight: Sight) -> tuple[str, ...]:
    return (
        sight.name.rpartition("/")[2],
        sight.state,
        "" if sight.done is None else f"{sight.done:,}",
        "" if sight.rate is None else f"{sight.rate:,.1f}",
        "" if sight.load is None else f"{sight.load:.0f} %",
        in_one_line(sight.status),
    )

"""Numbers and text that a reducer publishes."""

from __future__ import annotations

from typing import Any

from taurus.external.qt import QtWidgets

from dranspose_tango.taurus.results import Kind, Result


class ValueTable(QtWidgets.QTableWidget):
    """One row for each value."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(0, 3, parent)
        self.setHorizontalHeaderLabels(["Result", "Value", "Unit"])
        self.setEditTriggers(QtWidgets.QAbstractItemView.NoEditTriggers)
        self.verticalHeader().hide()
        self.horizontalHeader().setStretchLastSection(True)
        self.setShowGrid(False)

    def show_values(self, results: tuple[Result, ...], values: dict[str, Any]) -> None:
        """Take what there is to show."""
        shown = [result for result in results if result.kind is Kind.VALUE and result.name in values]
        self.setRowCount(len(shown))
        for row, result in enumerate(shown):
            for column, text in enumerate((result.label, value_text(values[result.name]), result.unit)):
                item = self.item(row, column)
                if item is None:
                    self.setItem(row, column, QtWidgets.QTableWidgetItem(text))
                elif item.text() != text:
                    item.setText(text)


def value_text(value: Any) -> str:
    """Return a value as text: a number with ten digits, a list with commas."""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(value)

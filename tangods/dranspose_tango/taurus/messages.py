"""Errors with the tracebacks of the user's code, and the log of all devices."""

from __future__ import annotations

from typing import Any

from taurus.external.qt import QtCore, QtGui, QtWidgets

from dranspose_tango.taurus.watch import Message


class ErrorList(QtWidgets.QSplitter):
    """The latest errors, the newest first; beside them the traceback of the chosen one."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.list = QtWidgets.QListWidget()
        self.traceback = _text()
        self.addWidget(self.list)
        self.addWidget(self.traceback)
        self.setSizes([300, 500])
        self._errors: tuple[Message, ...] = ()
        self.list.currentRowChanged.connect(self._choose)

    def show_errors(self, errors: tuple[Message, ...]) -> None:
        """Take what there is to show."""
        if errors == self._errors:
            return
        chosen = self.list.currentRow()
        before = self._errors[-1 - chosen] if chosen > 0 else None
        self._errors = errors
        with QtCore.QSignalBlocker(self.list):
            self.list.clear()
            for error in reversed(errors):
                self.list.addItem(headline(error.text))
        rows = [-1 - index for index in range(-len(errors), 0) if errors[index] == before]
        self.list.setCurrentRow(rows[0] if rows else 0 if errors else -1)
        self._choose(self.list.currentRow())

    def _choose(self, row: int) -> None:
        self.traceback.setPlainText(self._errors[-1 - row].text if row >= 0 else "")
        bar = self.traceback.verticalScrollBar()
        bar.setValue(bar.maximum())  # what went wrong is in the last line


class LogList(QtWidgets.QPlainTextEdit):
    """The log of all devices; it stays at the end unless it is scrolled back."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        _make_readable(self)
        self._log: tuple[Message, ...] = ()

    def show_log(self, log: tuple[Message, ...]) -> None:
        """Take what there is to show."""
        if log == self._log:
            return
        self._log = log
        bar = self.verticalScrollBar()
        at, at_end = bar.value(), bar.value() == bar.maximum()
        self.setPlainText("\n".join(f"{line.device.rpartition('/')[2]:12} {line.text}" for line in log))
        bar.setValue(bar.maximum() if at_end else at)


def headline(error: str) -> str:
    """Return the line of an error that says most: the exception's where there is a traceback, or else the first."""
    lines = [line for line in error.strip().splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1].strip() if any(line.startswith("Traceback ") for line in lines) else lines[0].strip()


def _text() -> Any:
    text = QtWidgets.QPlainTextEdit()
    _make_readable(text)
    return text


def _make_readable(text: Any) -> None:
    text.setReadOnly(True)
    text.setLineWrapMode(QtWidgets.QPlainTextEdit.NoWrap)
    text.setFont(QtGui.QFontDatabase.systemFont(QtGui.QFontDatabase.FixedFont))

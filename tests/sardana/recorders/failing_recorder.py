"""A recorder that fails before the first point, as one of files does that may not write."""

from typing import Any

from sardana.macroserver.scan.recorder import DataRecorder


class FailingRecorder(DataRecorder):
    """Has scans fail to start."""

    def __init__(self, macro: Any) -> None:
        DataRecorder.__init__(self)

    def _startRecordList(self, recordlist: Any) -> None:
        raise OSError("no room for a file")

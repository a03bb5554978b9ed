"""A recorder of Sardana scans that arms the pipeline, sends it the record of each point, and ends it with the scan."""

from __future__ import annotations

from typing import Any

from sardana.macroserver.scan.gscan import ScanEndStatus
from sardana.macroserver.scan.recorder import DataRecorder

from dranspose_tango.remote import RemoteController
from dranspose_tango.sardana import records
from dranspose_tango.sardana.participation import Participation
from dranspose_tango.sardana.records import RecordsError
from dranspose_tango.sardana.scan_macro import Settings


class PipelineRecorder(DataRecorder):
    """Has the pipeline take part in scans, with their records as a stream: ``senv DataRecorder PipelineRecorder``."""

    def __init__(self, macro: Any, **parameters: Any) -> None:
        DataRecorder.__init__(self, **parameters)
        self._macro = macro

    def _startRecordList(self, recordlist: Any) -> None:
        settings = Settings.of(self._macro)
        controller = RemoteController(settings.controller)
        self._stream = records.records_stream(controller)
        self._participation = Participation(
            self._macro, settings, controller, None if self._stream is None else self._stream.name
        )
        if self._participation.plan is None:
            self._stream = None
        self._participation.begin()
        try:
            self._send(records.description(recordlist.getEnviron()))
        except BaseException:
            self._participation.give_up()
            raise

    def _writeRecord(self, record: Any) -> None:
        self._send_or_warn(records.point(self.recordlist.getEnviron(), record))

    def _endRecordList(self, recordlist: Any) -> None:
        environment = recordlist.getEnviron()
        self._send_or_warn(records.end(environment))
        self._participation.end(ScanEndStatus.whatis(environment["endstatus"]))

    def _send(self, record: dict[str, Any]) -> None:
        if self._stream is not None:
            self._stream.send(record)

    def _send_or_warn(self, record: dict[str, Any]) -> None:
        """Send a record; the scan goes on without a stream that does not take it."""
        try:
            self._send(record)
        except RecordsError as error:
            self._macro.warning("the pipeline gets no more records of this scan: %s", error)
            self._stream = None

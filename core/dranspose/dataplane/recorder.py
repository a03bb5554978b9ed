"""The recorder: a thread of an ingester that writes captures, and what belongs to them, off the forwarding path."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from dranspose.capture import CaptureWriter
from dranspose.dataplane.statistics import RecordingStatus
from dranspose.event import InternalWorkerMessage

logger = logging.getLogger(__name__)

BACKLOG_BYTES = 2**29
PATIENCE = 10.0  # seconds that an ingester which ends waits for the disk


class Recorder:
    """A thread that writes captures; its methods are for one other thread, which they never make wait for the disk.

    Nothing is left out because the disk is slow: while `is_full` nothing more is to be taken in, so that in the end the
    detectors wait for the disk. If a file cannot be written, because the disk is full, say, this is logged and shown in
    `status`, and the scan goes on; its capture then ends with a whole record and gets no more before the next scan.

    Args:
        on_room: called in the thread when `is_full` comes to its end.
        backlog_bytes: so much may wait to be written, and little more.
    """

    def __init__(self, on_room: Callable[[], None], backlog_bytes: int = BACKLOG_BYTES) -> None:
        self._status = RecordingStatus()
        self._on_room = on_room
        self._backlog_bytes = backlog_bytes
        self._given = self._done = 0  # bytes
        self._jobs: queue.SimpleQueue[tuple[Callable[[], object], int] | None] = queue.SimpleQueue()
        self._capture: CaptureWriter | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def status(self) -> RecordingStatus:
        """How the recording stands now; for any thread."""
        return replace(self._status, backlog=self._backlog)

    @property
    def is_full(self) -> bool:
        """Whether as much waits as may."""
        return self._backlog >= self._backlog_bytes

    @property
    def _backlog(self) -> int:
        return self._given - self._done

    def begin(self, path: Path | None) -> None:
        """Record a scan at the end of this capture; None for a scan that is not recorded."""
        self.do(partial(self._begin, path))

    def write(self, records: Sequence[InternalWorkerMessage], size: int) -> None:
        """Append records, which hold so many bytes, to the capture of the scan."""
        self.do(partial(self._write, records), size)

    def do(self, job: Callable[[], object], size: int = 0) -> None:
        """Call what writes something else, which holds so many bytes; it may raise OSError."""
        self._given += size
        self._jobs.put((job, size))

    def end(self) -> None:
        """Close the capture of the scan."""
        self.do(self._end)

    def close(self) -> None:
        """Wait until all is written, but no longer than `PATIENCE`, and end the thread."""
        self.end()
        self._jobs.put(None)
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            logger.error("%s: %d bytes were not written within %g s", self._status.path, self._backlog, PATIENCE)

    # What the thread does

    def _run(self) -> None:
        while entry := self._jobs.get():
            job, size = entry
            try:
                job()
            except OSError as error:
                logger.error("cannot record: %s", error)
                self._fail(error)
            except Exception as error:  # the ingester would wait for a thread that has ended
                logger.exception("cannot record: this is a bug in dranspose")
                self._fail(error)
            was_full = self.is_full
            self._done += size
            if was_full and not self.is_full:
                self._on_room()

    def _fail(self, error: Exception) -> None:
        self._status = replace(self._status, error=str(error))

    def _begin(self, path: Path | None) -> None:
        self._end()
        self._status = RecordingStatus()
        if path is not None:
            self._status = RecordingStatus(str(path), is_open=True)
            self._capture = CaptureWriter(path)

    def _write(self, records: Sequence[InternalWorkerMessage]) -> None:
        status, capture = self._status, self._capture
        if capture is None:
            self._status = replace(status, lost=status.lost + len(records))
            return
        try:
            for record in records:
                capture.write(record)
            capture.flush()
        except Exception as error:
            if isinstance(error, OSError):
                error.filename = str(capture.path)
            self._capture = None
            self._status = replace(status, lost=status.lost + len(records))
            capture.abandon()
            raise
        self._status = replace(status, events=status.events + len(records), size=capture.size)

    def _end(self) -> None:
        capture, self._capture = self._capture, None
        self._status = replace(self._status, is_open=False)
        if capture is not None:
            capture.close()

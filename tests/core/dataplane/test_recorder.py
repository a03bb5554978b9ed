"""A recorder writes what it is given, makes nobody wait, and says what it could not write."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dranspose.capture import CaptureReader
from dranspose.dataplane.recorder import Recorder
from dranspose.dataplane.statistics import RecordingState, RecordingStatus
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.protocol import EventNumber, StreamName

TIMEOUT = 30.0


def record(event: int, size: int = 10) -> InternalWorkerMessage:
    return InternalWorkerMessage(EventNumber(event), {StreamName("eiger"): StreamData("STINS", [b"." * size])})


@pytest.fixture
def room() -> threading.Event:
    return threading.Event()


@pytest.fixture
def recorder(room: threading.Event) -> Iterator[Recorder]:
    recorder = Recorder(room.set, backlog_bytes=100)
    yield recorder
    recorder.close()


def written(recorder: Recorder) -> RecordingStatus:
    """Return the status when all has been done."""
    done = threading.Event()
    recorder.do(done.set)
    assert done.wait(TIMEOUT)
    return recorder.status


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Make the disk as good as full for a file of so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_was_written_is_on_the_disk_at_once(recorder: Recorder, tmp_path: Path) -> None:
    path = tmp_path / "a.cbors"
    recorder.begin(path)
    recorder.write([record(0), record(1)], 20)
    size = path.stat().st_size if written(recorder) else 0
    assert recorder.status == RecordingStatus(str(path), is_open=True, events=2, size=size)
    assert recorder.status.state is RecordingState.RECORDING
    assert list(CaptureReader(path)) == [record(0), record(1)]
    recorder.end()
    assert written(recorder).state is RecordingState.DONE


def test_scans_are_appended(recorder: Recorder, tmp_path: Path) -> None:
    for event in (0, 0):
        recorder.begin(tmp_path / "a.cbors")
        recorder.write([record(event)], 10)
        recorder.end()
    status = written(recorder)
    assert (status.events, status.size) == (1, (tmp_path / "a.cbors").stat().st_size)
    assert list(CaptureReader(tmp_path / "a.cbors")) == [record(0), record(0)]
    recorder.begin(None)
    assert written(recorder) == RecordingStatus()


def test_a_folder_that_is_missing_is_told_and_the_next_scan_is_recorded(
    recorder: Recorder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "gone" / "a.cbors"
    recorder.begin(path)
    recorder.write([record(0), record(1)], 20)
    recorder.end()
    status = written(recorder)
    assert (status.state, status.path, status.events, status.lost) == (RecordingState.FAILED, str(path), 0, 2)
    assert status.error == f"[Errno 2] No such file or directory: '{path}'"
    assert f"cannot record: {status.error}" in caplog.text
    recorder.begin(tmp_path / "a.cbors")
    recorder.write([record(0)], 10)
    recorder.end()
    assert (written(recorder).state, recorder.status.events, recorder.status.error) == (RecordingState.DONE, 1, "")


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_on_a_full_disk_a_capture_ends_with_a_whole_record(recorder: Recorder, tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.cbors"
    recorder.begin(path)
    recorder.write([record(0, size)], size)
    whole = written(recorder).size
    with files_of_at_most(whole + whole // 2):
        recorder.write([record(1, size), record(2, size)], 2 * size)
        recorder.write([record(3, size)], size)
        status = written(recorder)
    assert (status.state, status.events, status.lost) == (RecordingState.FAILED, 1, 3)
    assert status.error == f"[Errno 27] File too large: '{path}'"
    recorder.begin(path)
    recorder.write([record(0, size)], size)
    recorder.end()
    assert written(recorder).state is RecordingState.DONE
    assert list(CaptureReader(path)) == [record(0, size), record(0, size)]
    assert recorder.status.backlog == 0


def test_a_device_without_room_is_told(recorder: Recorder) -> None:
    recorder.begin(Path("/dev/full"))
    recorder.write([record(0)], 10)
    assert written(recorder).error == "[Errno 28] No space left on device: '/dev/full'"
    assert recorder.status.lost == 1


def test_a_slow_disk_fills_the_backlog_and_loses_nothing(
    recorder: Recorder, room: threading.Event, tmp_path: Path
) -> None:
    pipe = tmp_path / "a.cbors"
    os.mkfifo(pipe)
    recorder.begin(pipe)  # which waits until somebody reads
    recorder.write([record(0)], 60)
    assert not recorder.is_full
    recorder.write([record(1)], 60)
    assert recorder.is_full
    assert recorder.status.backlog == 120
    recorder.write([record(2)], 60)
    recorder.end()
    assert not room.is_set()
    copy = tmp_path / "copy.cbors"
    copy.write_bytes(pipe.read_bytes())
    assert room.wait(TIMEOUT)
    assert not recorder.is_full
    assert list(CaptureReader(copy)) == [record(0), record(1), record(2)]
    assert (written(recorder).state, recorder.status.events, recorder.status.lost) == (RecordingState.DONE, 3, 0)


def test_what_cannot_be_done_ends_nothing(recorder: Recorder, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorder.begin(tmp_path / "a.cbors")
    recorder.do(lambda: 1 / 0, 200)
    recorder.write([record(0)], 10)
    status = written(recorder)
    assert (status.state, status.events, status.error) == (RecordingState.FAILED, 1, "division by zero")
    assert "this is a bug in dranspose" in caplog.text
    assert recorder.status.backlog == 0


def test_a_disk_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dranspose.dataplane.recorder.PATIENCE", 0.01)
    pipe = tmp_path / "a.cbors"
    os.mkfifo(pipe)
    recorder = Recorder(lambda: None)
    recorder.begin(pipe)
    recorder.write([record(0)], 10)
    recorder.close()
    assert "10 bytes were not written" in caplog.text
    pipe.read_bytes()  # so that the thread ends

"""Captures give back what was written, and of a cut or damaged one everything before the damage.

This module is run against several versions of cbor2, see test_capture_cbor2.py.
"""

from __future__ import annotations

import gzip
import pickle
import random
import tracemalloc
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import cbor2
import pytest
import zmq

from dranspose.capture import CaptureError, CaptureReader, CaptureWriter, NotACaptureError, encode_record
from dranspose.event import InternalWorkerMessage, StreamData

TIME = datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TIME_IN_HEX = "c0781b" + b"2025-01-02T03:04:05.678901Z".hex()
RECORD_IN_HEX = "d9d9f7d9a77d8{length}19012ca16161d9a77e82655354494e538242010240"
EXAMPLE = InternalWorkerMessage(300, {"a": StreamData("STINS", [b"\x01\x02", b""])})
EXAMPLE_WITH_TIME = InternalWorkerMessage(300, EXAMPLE.streams, TIME)
DATA_FILES = Path(__file__).parent / "data_files"


def messages(count: int = 3) -> list[InternalWorkerMessage]:
    return [
        InternalWorkerMessage(
            number,
            {"xrd": StreamData("STINS", [b"{}", bytes([number % 256]) * number]), "pcap": StreamData("PCAP", [b"7"])},
            TIME + timedelta(seconds=number),
        )
        for number in range(count)
    ]


def records(of: Sequence[InternalWorkerMessage]) -> list[bytes]:
    return [encode_record(message) for message in of]


def whole_records(lengths: Sequence[int], available: int) -> tuple[int, int]:
    """Return how many records of these lengths are whole in the bytes available, and how many bytes they take."""
    whole, end = 0, 0
    for length in lengths:
        if end + length > available:
            break
        whole, end = whole + 1, end + length
    return whole, end


def read_all(path: Path) -> tuple[list[InternalWorkerMessage], CaptureError | None]:
    """Return the messages of a capture, and the error that reading ends with."""
    found = []
    try:
        for message in CaptureReader(path):
            found.append(message)  # noqa: PERF402 - what comes before an error counts
    except CaptureError as error:
        return found, error
    return found, None


@pytest.fixture
def file(tmp_path):
    return tmp_path / "capture.cbors"


def refusal(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    found, error = read_all(file)
    assert not found
    assert type(error) is NotACaptureError
    assert error.offset == 0
    assert str(file) in str(error)
    return str(error)


def test_a_record_has_exactly_the_bytes_of_the_format():
    assert encode_record(EXAMPLE).hex() == RECORD_IN_HEX.format(length=2)
    assert encode_record(EXAMPLE_WITH_TIME).hex() == RECORD_IN_HEX.format(length=3) + TIME_IN_HEX


def test_a_time_of_any_zone_is_written_in_utc_with_microseconds():
    summer = timezone(timedelta(hours=2))
    message = InternalWorkerMessage(0, {}, datetime(2025, 7, 1, 12, tzinfo=summer))
    assert encode_record(message).endswith(b"2025-07-01T10:00:00.000000Z")


def test_both_forms_of_a_record_are_read(file):
    file.write_bytes(bytes.fromhex(RECORD_IN_HEX.format(length=2) + RECORD_IN_HEX.format(length=3) + TIME_IN_HEX))
    assert list(CaptureReader(file)) == [EXAMPLE, EXAMPLE_WITH_TIME]


def test_a_record_without_the_tag_of_self_described_cbor_is_read(file):
    file.write_bytes(encode_record(EXAMPLE)[3:])
    assert list(CaptureReader(file)) == [EXAMPLE]


def test_streams_and_events_come_back_in_their_order(file):
    written = messages()
    file.write_bytes(b"".join(records(written)))
    read = list(CaptureReader(file))
    assert read == written
    assert [list(message.streams) for message in read] == [["xrd", "pcap"]] * 3


def test_a_frame_of_zmq_is_written_as_its_content():
    frame = zmq.Frame(b"\x01\x02")
    assert encode_record(InternalWorkerMessage(300, {"a": StreamData("STINS", [frame, b""])})) == encode_record(EXAMPLE)


def test_the_capture_of_the_tutorial(captures):
    read = list(CaptureReader(captures / "dump_xrd.cbors"))
    assert [message.event_number for message in read] == list(range(11))
    assert [message.streams["xrd"].length for message in read] == [1, *[2] * 9, 1]
    assert {message.created_at for message in read} == {None}
    assert b"".join(records(read)) == (captures / "dump_xrd.cbors").read_bytes()


def test_the_reader_tells_how_far_it_is(file):
    file.write_bytes(b"".join(records(messages())))
    reader = CaptureReader(file)
    assert (reader.position, reader.size) == (0, file.stat().st_size)
    positions = [reader.position for _ in reader]
    assert positions == sorted(positions)
    assert reader.position == reader.size


def test_a_reader_can_be_closed_before_its_end(file):
    file.write_bytes(b"".join(records(messages())))
    reader = CaptureReader(file)
    iterator = iter(reader)
    next(iterator)
    iterator.close()
    reader.close()
    assert reader.position == reader.size


def test_a_missing_file_is_an_os_error_at_once(file):
    with pytest.raises(FileNotFoundError):
        CaptureReader(file)


def test_of_a_file_cut_anywhere_all_before_the_cut_is_read(file):
    written = messages()
    content = b"".join(records(written))
    for cut in range(1, len(content)):
        file.write_bytes(content[:cut])
        found, error = read_all(file)
        whole, end = whole_records([len(record) for record in records(written)], cut)
        assert found == written[:whole]
        if cut == end:
            assert error is None
        else:
            assert type(error) is (CaptureError if whole else NotACaptureError)
            assert error.offset == end
            assert "is cut off in" in str(error)


def test_of_a_compressed_file_cut_anywhere_all_before_the_cut_is_read(file):
    noise = random.Random(1)
    written = [InternalWorkerMessage(n, {"a": StreamData("x", [noise.randbytes(40)])}) for n in range(200)]
    lengths = [len(record) for record in records(written)]
    content = gzip.compress(b"".join(records(written)))
    for cut in [*range(1, 60), *range(60, len(content), 41), *range(len(content) - 12, len(content))]:
        file.write_bytes(content[:cut])
        found, error = read_all(file)
        whole, end = whole_records(lengths, len(zlib.decompressobj(wbits=31).decompress(content[:cut])))
        assert found == written[:whole]
        assert error.offset == end


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_cut_behind_thousands_of_messages_is_found(file, compress):
    written = [InternalWorkerMessage(n, {"a": StreamData("x", [b"frame"])}) for n in range(2500)]
    content = b"".join(records(written))
    file.write_bytes(compress(content[:-1]))
    found, error = read_all(file)
    assert found == written[:-1]
    assert error.offset == len(content) - len(records(written)[-1])


@pytest.mark.parametrize("damage", [b"\xff", b"\x00", b"\x80", b"\x1f\x8b", b"text", cbor2.dumps([b"frame"])])
def test_what_comes_before_damage_is_read(file, damage):
    intact = records(messages())
    file.write_bytes(intact[0] + intact[1] + damage + intact[2])
    found, error = read_all(file)
    assert found == messages()[:2]
    assert type(error) is CaptureError
    assert error.offset == len(intact[0] + intact[1])
    assert f"{file} cannot be read from the record at byte {error.offset}: " in str(error)


def test_damage_after_gzip_is_reported(file):
    intact = b"".join(records(messages()))
    file.write_bytes(gzip.compress(intact) + b"garbage")
    found, error = read_all(file)
    assert found == messages()
    assert error.offset == len(intact)


def test_an_empty_file_is_no_capture(file):
    assert refusal(file, b"") == f"{file} is empty"
    assert refusal(file, gzip.compress(b"")) == f"{file} is empty"


@pytest.mark.parametrize(
    "content", [b"\x89HDF\r\n\x1a\n", b"{}", b"plain text\n", b"\x00", bytes(100), b"\x1f\x8bno gzip"]
)
def test_other_files_are_no_captures(file, content):
    assert f"{file} is not a capture: " in refusal(file, content)


@pytest.mark.parametrize(
    "name",
    [
        "albaem-dump.cbors",
        "contrast-dump.cbors",
        "eiger-small.cbors",
        "pcap-zmq.cbors",
        "xspress3-dump.cbors",
        "maui-02-continuous-3.cbor.gz",
    ],
)
def test_raw_messages_of_a_detector_are_no_capture(captures, name):
    with pytest.raises(NotACaptureError, match="a value of type list in the place of a message of an ingester"):
        list(CaptureReader(captures / name))


def message_record(*content: object) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(42877, content))


def stream_record(*content: object) -> bytes:
    return message_record(0, {"xrd": cbor2.CBORTag(42878, content)})


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (message_record(-1, {}), "int in the place of an event number"),
        (message_record(2**63, {}), "int in the place of an event number"),
        (message_record(True, {}), "bool in the place of an event number"),
        (message_record("0", {}), "str in the place of an event number"),
        (message_record(0, {}, "2025"), "str in the place of a creation time"),
        (message_record(0, {1: 2}), "int in the place of the name of a stream"),
        (message_record(0, {"xrd": b"frame"}), "bytes in the place of the data of stream 'xrd'"),
        (message_record(0, {"xrd": cbor2.CBORTag(1234, [])}), "CBORTag in the place of the data of stream 'xrd'"),
        (stream_record(1, []), "int in the place of the type of stream 'xrd'"),
        (stream_record("STINS", "frames"), "str in the place of the frames of stream 'xrd'"),
        (stream_record("STINS", {b"frame": 0}), "dict in the place of the frames of stream 'xrd'"),
        (stream_record("STINS", [1]), "a frame is bytes, str or zmq.Frame, not int"),
    ],
)
def test_a_wrong_record_says_what_is_wrong(file, record, reason):
    assert reason in refusal(file, record).replace("frozendict", "dict")


@pytest.mark.parametrize(
    "record",
    [message_record(), message_record(0), message_record(0, {}, TIME, 0), message_record(0, []), stream_record("x")],
)
def test_a_record_of_another_length_or_make_is_refused(file, record):
    assert "cannot be read from its first record: " in refusal(file, record)


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(("name", "time"), [("pydantic1.pkls", None), ("pydantic2.pkls", TIME)])
def test_an_old_capture_of_pickles_is_read(file, name, time, compress):
    file.write_bytes(compress((DATA_FILES / name).read_bytes()))
    header = b'{"htype": "header", "filename": "", "msg_number": 0}'
    assert list(CaptureReader(file)) == [
        InternalWorkerMessage(0, {"xrd": StreamData("STINS", [header])}, time),
        InternalWorkerMessage(
            300, {"xrd": StreamData("STINS", [b"\x01\x02", b""]), "pcap": StreamData("PCAP", [b"7"])}, time
        ),
    ]


@pytest.mark.parametrize("name", ["pydantic1.pkls", "pydantic2.pkls"])
def test_of_pickles_cut_anywhere_all_before_the_cut_is_read(file, name):
    content = (DATA_FILES / name).read_bytes()
    written = list(CaptureReader(DATA_FILES / name))
    first = content.index(b"\x80\x04\x95", 1)
    for cut in range(1, len(content)):
        file.write_bytes(content[:cut])
        found, error = read_all(file)
        assert found == written[: cut >= first]
        assert error is None if cut == first else error.offset == (first if cut > first else 0)


class Mischief:
    def __reduce__(self):
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize("content", [pickle.dumps(Mischief()), pickle.dumps([1, 2]), pickle.dumps(None)])
def test_another_pickle_is_no_capture_and_runs_nothing(file, content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refusal(file, content)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("number", [b"K\x01", b"J\xff\xff\xff\xff", b"\x88"], ids=["1", "-1", "True"])
def test_the_event_number_of_a_pickle_is_checked_too(file, number):
    content = (DATA_FILES / "pydantic1.pkls").read_bytes()
    end = content.index(b"\x80\x04\x95", 1)
    frame = content[11:end].replace(b"K\x00", number, 1)
    file.write_bytes(b"\x80\x04\x95" + len(frame).to_bytes(8, "little") + frame)
    found, error = read_all(file)
    if number == b"K\x01":
        assert [message.event_number for message in found] == [1]
    else:
        assert "in the place of an event number" in str(error)


@pytest.mark.parametrize("name", ["a.cbors", "a.cbors.gz"])
def test_a_writer_appends(tmp_path, name):
    path = tmp_path / name
    for message in messages():
        with CaptureWriter(path) as capture:
            capture.write(message)
    assert list(CaptureReader(path)) == messages()
    assert path.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")


def test_the_content_not_the_name_tells_what_a_capture_is(tmp_path):
    with CaptureWriter(tmp_path / "a.cbors.gz") as capture:
        capture.write(EXAMPLE)
    renamed = (tmp_path / "a.cbors.gz").rename(tmp_path / "a.pkls")
    assert list(CaptureReader(renamed)) == [EXAMPLE]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_long_capture_takes_no_more_memory_than_its_largest_record(tmp_path, suffix):
    frame = random.Random(1).randbytes(200_000)

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.cbors{suffix}"
        with CaptureWriter(path) as capture:
            for number in range(count):
                capture.write(InternalWorkerMessage(number, {"a": StreamData("x", [frame])}))
        tracemalloc.start()
        try:
            assert sum(1 for _ in CaptureReader(path)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(40) < peak(2) + len(frame)


@pytest.mark.parametrize("name", ["a.cbors", "a.cbors.gz"])
def test_what_was_flushed_can_be_read_before_the_end(tmp_path, name):
    with CaptureWriter(tmp_path / name) as capture:
        capture.write(EXAMPLE)
        capture.flush()
        found, _ = read_all(tmp_path / name)
    assert found == [EXAMPLE]


def test_an_abandoned_capture_ends_with_what_was_flushed(tmp_path):
    path = tmp_path / "a.cbors"
    capture = CaptureWriter(path)
    capture.write(EXAMPLE)
    capture.flush()
    assert capture.size == path.stat().st_size
    capture.write(InternalWorkerMessage(1, {"a": StreamData("x", [bytes(3_000_000)])}))
    assert path.stat().st_size > 1_000_000
    capture.abandon()
    assert list(CaptureReader(path)) == [EXAMPLE]


def test_frames_are_written_uncopied(tmp_path):
    frames = [zmq.Frame(b"." * 4_000_000), bytes(4_000_000)]
    message = InternalWorkerMessage(1, {"a": StreamData("x", frames)})
    with CaptureWriter(tmp_path / "a.cbors") as capture:
        capture.write(EXAMPLE)
        tracemalloc.start()
        try:
            capture.write(message)
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()
    assert list(CaptureReader(tmp_path / "a.cbors"))[1].streams["a"].frames == [frames[0].bytes, frames[1]]

"""Captures: files of what ingesters forwarded, read and written one record at a time.

A ``.cbors`` capture is a sequence of CBOR records (RFC 8742), each ``55799(42877([event number, {stream: 42878([typ,
[frame, ...]])}, creation time]))``; the creation time is missing in old ones. A ``.pkls`` capture, older still, is a
sequence of pickles of `InternalWorkerMessage`. Either may be compressed with gzip; the content tells what a file is.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import cbor2

from dranspose import restricted_pickle
from dranspose.event import InternalWorkerMessage, StreamData, frame_buffer
from dranspose.protocol import EventNumber

SELF_DESCRIBED_TAG = 55799
MESSAGE_TAG = 42877
STREAM_TAG = 42878
DATE_TAG = 0
CBOR_BYTES, CBOR_ARRAY, CBOR_MAP, CBOR_TAG = 2, 4, 5, 6  # major types (RFC 8949)
ARRAYS = list, tuple  # what the releases of cbor2 make of an array
EVENT_NUMBERS = 2**63
MESSAGES_BETWEEN_OFFSETS = 1000

GZIP_MAGIC = b"\x1f\x8b"
PICKLE_MAGIC = b"\x80"

BUFFER_BYTES = 2**20


class CaptureError(Exception):
    """A capture cannot be read from the record at byte ``offset`` of its content (decompressed) on."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text)
        self.offset = offset


class NotACaptureError(CaptureError):
    """The file does not begin with a record of a capture."""


class CaptureReader:
    """The messages of one capture file, in order, to iterate once.

    Iterating raises `NotACaptureError` if there is no whole record, and `CaptureError` after the last whole record of a
    file that is cut off or damaged. Opening raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._file = path.open("rb")

    @property
    def position(self) -> int:
        """How many bytes of the file, of `size`, have been read."""
        return self.size if self._file.closed else self._file.tell()

    def close(self) -> None:
        """Close the file, where iterating did not come to its end."""
        self._file.close()

    def __iter__(self) -> Iterator[InternalWorkerMessage]:
        with self._file:
            content: io.BufferedReader[Any] | gzip.GzipFile = self._file
            if self._file.peek(2)[:2] == GZIP_MAGIC:
                # with a buffer around it, what is decompressed before a cut would be lost with the cut
                content = gzip.GzipFile(fileobj=self._file)
            load: Callable[[], InternalWorkerMessage] | None = None
            known = since = 0  # an offset, and how many messages were read since: to ask after each costs too much
            while True:
                try:
                    magic = content.peek(1)[:1]
                    if not magic:
                        break
                    load = load or (_pickles if magic == PICKLE_MAGIC else _cbor_records)(cast("BinaryIO", content))
                    message = load()
                except (EOFError, cbor2.CBORDecodeEOF):
                    raise self._error(_skipped(content, load, known, since), "is cut off in") from None
                except Exception as error:  # noqa: BLE001 - decoders raise whatever damaged bytes lead them to
                    raise self._error(_skipped(content, load, known, since), "cannot be read from", error) from None
                yield message
                since += 1
                if since == MESSAGES_BETWEEN_OFFSETS:
                    known, since = content.tell(), 0
            if load is None:
                raise NotACaptureError(f"{self.path} is empty", 0)

    def _error(self, offset: int, what: str, cause: Exception | None = None) -> CaptureError:
        because = f": {str(cause) or type(cause).__name__}" if cause else ""
        if offset == 0:
            return NotACaptureError(f"{self.path} is not a capture: it {what} its first record{because}", 0)
        return CaptureError(f"{self.path} {what} the record at byte {offset}{because}", offset)


def _skipped(content: io.BufferedIOBase, load: Callable[[], object] | None, offset: int, messages: int) -> int:
    """Return the offset that is so many messages after another one."""
    if load is None:
        return offset
    content.seek(offset)
    for _ in range(messages):
        load()
    return content.tell()


class _ReadOnly:
    """A file that can only be read; in one that can seek cbor2 reads ahead and seeks back, which costs gzip dearly."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _cbor_records(content: BinaryIO) -> Callable[[], InternalWorkerMessage]:
    decoder = cbor2.CBORDecoder(cast("BinaryIO", _ReadOnly(content)))
    return lambda: _message_of_record(decoder.decode())


def _message_of_record(record: object) -> InternalWorkerMessage:
    # the decoder has taken off the tag for self-described CBOR
    if not isinstance(record, cbor2.CBORTag) or record.tag != MESSAGE_TAG:
        raise _misplaced(record, "a message of an ingester")
    event_number, streams, *created_at = record.value
    parsed = {}
    for name, tagged in streams.items():
        parsed[name] = _stream(name, tagged)
    return InternalWorkerMessage(_event_number(event_number), parsed, _creation_time(*created_at))


def _stream(name: object, tagged: object) -> StreamData:
    if not isinstance(name, str):
        raise _misplaced(name, "the name of a stream")
    if not isinstance(tagged, cbor2.CBORTag) or tagged.tag != STREAM_TAG:
        raise _misplaced(tagged, f"the data of stream {name!r}")
    typ, frames = tagged.value
    if not isinstance(typ, str):
        raise _misplaced(typ, f"the type of stream {name!r}")
    if not isinstance(frames, ARRAYS):
        raise _misplaced(frames, f"the frames of stream {name!r}")
    return StreamData(typ, list(frames))


def _creation_time(time: object = None) -> datetime | None:
    if time is not None and not isinstance(time, datetime):
        raise _misplaced(time, "a creation time")
    return time


def _event_number(number: object) -> EventNumber:
    if type(number) is not int or not 0 <= number < EVENT_NUMBERS:
        raise _misplaced(number, "an event number from 0 to 2**63 - 1")
    return cast("EventNumber", number)


def _misplaced(found: object, expected: str) -> ValueError:
    # only its type: a value that holds others many times over takes few bytes in a file and endless ones in a text
    return ValueError(f"it holds a value of type {type(found).__name__} in the place of {expected}")


def _pickles(content: BinaryIO) -> Callable[[], InternalWorkerMessage]:
    return lambda: _message_of_pickle(restricted_pickle.load(content, PICKLED))


class _PickledModel:
    """Stands for a class of old captures while it is unpickled, and takes the fields as pydantic stores them."""

    fields: dict[str, Any]

    def __setstate__(self, state: object) -> None:
        match state:
            case {"__dict__": {} as fields}:
                self.fields = fields
            case _:
                raise _misplaced(state, "the fields of an old message")


class _PickledMessage(_PickledModel):
    pass


class _PickledStream(_PickledModel):
    pass


PICKLED: restricted_pickle.Globals = {
    ("dranspose.event", "InternalWorkerMessage"): _PickledMessage,
    ("dranspose.event", "StreamData"): _PickledStream,
    ("datetime", "datetime"): datetime,
    ("datetime", "timezone"): timezone,
    ("datetime", "timedelta"): timedelta,
}


def _message_of_pickle(pickled: object) -> InternalWorkerMessage:
    match pickled:
        case _PickledMessage(fields={"event_number": event_number, "streams": {} as streams, **rest}):
            pass
        case _:
            raise _misplaced(pickled, "a message of an ingester")
    created_at = rest.get("created_at")
    return InternalWorkerMessage(
        _event_number(event_number),
        {name: _pickled_stream(name, stream) for name, stream in streams.items()},
        created_at if isinstance(created_at, datetime) else None,
    )


def _pickled_stream(name: object, pickled: object) -> StreamData:
    if not isinstance(name, str):
        raise _misplaced(name, "the name of a stream")
    match pickled:
        case _PickledStream(fields={"typ": str(typ), "frames": [*frames]}):
            return StreamData(typ, frames)
        case _:
            raise _misplaced(pickled, f"the data of stream {name!r}")


class CaptureWriter:
    """Appends messages to a ``.cbors`` file, compressed if its name ends in ``.gz``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw = path.open("ab", buffering=0)
        self._flushed = self.size
        self._buffer = io.BufferedWriter(self._raw, BUFFER_BYTES)
        self._file: BinaryIO = self._buffer
        if path.suffix == ".gz":
            self._file = cast("BinaryIO", gzip.GzipFile(path, "wb", fileobj=self._buffer))

    @property
    def size(self) -> int:
        """How many bytes the file has; without what was not flushed."""
        return os.fstat(self._raw.fileno()).st_size

    def write(self, message: InternalWorkerMessage) -> None:
        """Append one record; frames are not copied. Raises OSError."""
        write_record(self._file, message)

    def flush(self) -> None:
        """Hand what was written to the operating system; raises OSError."""
        self._file.flush()
        self._buffer.flush()
        self._flushed = self.size

    def close(self) -> None:
        """Flush and close the file; raises OSError."""
        if not self._raw.closed:
            self._file.close()
            self._buffer.close()

    def abandon(self) -> None:
        """Close the file, after an OSError, without what was not flushed: so that it ends with a whole record."""
        with contextlib.suppress(OSError):  # a pipe has no end to cut off
            self._raw.truncate(self._flushed)
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def encode_record(message: InternalWorkerMessage) -> bytes:
    """Return the record of a message, with its creation time if it has one."""
    record = io.BytesIO()
    write_record(record, message)
    return record.getvalue()


def write_record(file: BinaryIO, message: InternalWorkerMessage) -> None:
    """Write the record of a message, with its creation time if it has one; frames go into the file uncopied."""
    encoder = cbor2.CBOREncoder(file)
    head, encode = encoder.encode_length, encoder.encode
    head(CBOR_TAG, SELF_DESCRIBED_TAG)
    head(CBOR_TAG, MESSAGE_TAG)
    head(CBOR_ARRAY, 2 if message.created_at is None else 3)
    encode(message.event_number)
    head(CBOR_MAP, len(message.streams))
    for name, stream in message.streams.items():
        encode(name)
        head(CBOR_TAG, STREAM_TAG)
        head(CBOR_ARRAY, 2)
        encode(stream.typ)
        head(CBOR_ARRAY, stream.length)
        for frame in stream.frames:
            head(CBOR_BYTES, len(frame))
            file.write(frame_buffer(frame))
    if message.created_at is not None:
        head(CBOR_TAG, DATE_TAG)
        encode(message.created_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"))

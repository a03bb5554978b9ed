"""Captures: files of what ingesters forwarded, read and written one record at a time.

A ``.cbors`` capture is a sequence of CBOR records (RFC 8742), each ``55799(42877([event number, {stream: 42878([typ,
[frame, ...]])}, creation time]))``; the creation time is missing in old ones. A ``.pkls`` capture, older still, is a
sequence of pickles of `InternalWorkerMessage`. Either may be compressed with gzip; the content tells what a file is.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import cbor2

from dranspose.event import InternalWorkerMessage, StreamData, frame_bytes
from dranspose.protocol import EventNumber, StreamName
from dranspose.restricted_pickle import Globals, RestrictedUnpickler

SELF_DESCRIBED_TAG = 55799
MESSAGE_TAG = 42877
STREAM_TAG = 42878
DATE_TAG = 0

GZIP_MAGIC = b"\x1f\x8b"
PICKLE_MAGIC = b"\x80"


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
            content: io.BufferedReader[Any] = self._file
            if self._file.peek(2)[:2] == GZIP_MAGIC:
                content = io.BufferedReader(gzip.GzipFile(fileobj=self._file))
            offset = 0
            load: Callable[[], InternalWorkerMessage] | None = None
            while True:
                try:
                    magic = content.peek(1)[:1]
                    if not magic:
                        break
                    load = load or (_pickles(content) if magic == PICKLE_MAGIC else _cbor_records(content))
                    message = load()
                except (EOFError, cbor2.CBORDecodeEOF):
                    raise self._error(offset, "is cut off in") from None
                except Exception as error:  # noqa: BLE001 - decoders raise whatever damaged bytes lead them to
                    raise self._error(offset, "cannot be read from", error) from None
                yield message
                offset = content.tell()
            if offset == 0:
                raise NotACaptureError(f"{self.path} is empty", 0)

    def _error(self, offset: int, what: str, cause: Exception | None = None) -> CaptureError:
        because = f": {cause}" if cause else ""
        if offset == 0:
            return NotACaptureError(f"{self.path} is not a capture: it {what} its first record{because}", 0)
        return CaptureError(f"{self.path} {what} the record at byte {offset}{because}", offset)


class _ReadOnly:
    """A file that can only be read; in one that can seek cbor2 reads ahead and seeks back, which costs gzip dearly."""

    def __init__(self, file: io.BufferedReader[Any]) -> None:
        self.read = file.read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _cbor_records(content: io.BufferedReader[Any]) -> Callable[[], InternalWorkerMessage]:
    decoder = cbor2.CBORDecoder(cast("BinaryIO", _ReadOnly(content)))
    return lambda: _message_of_record(decoder.decode())


def _message_of_record(record: object) -> InternalWorkerMessage:
    # the decoder has taken off the tag for self-described CBOR
    if not isinstance(record, cbor2.CBORTag) or record.tag != MESSAGE_TAG:
        raise ValueError(f"it holds no message of an ingester but {record!r:.60}")
    event_number, streams, *created_at = record.value
    if type(event_number) is not int or event_number < 0:
        raise ValueError(f"a message has {event_number!r:.60} for its event number")
    if len(created_at) > 1 or not all(isinstance(time, datetime) for time in created_at):
        raise ValueError(f"a message has {created_at!r:.60} for its creation time")
    return InternalWorkerMessage(
        EventNumber(event_number),
        {_stream_name(name): _stream(name, tagged) for name, tagged in streams.items()},
        *created_at,
    )


def _stream_name(name: object) -> StreamName:
    if not isinstance(name, str):
        raise ValueError(f"a message has {name!r:.60} for the name of a stream")
    return StreamName(name)


def _stream(name: str, tagged: object) -> StreamData:
    if not isinstance(tagged, cbor2.CBORTag) or tagged.tag != STREAM_TAG:
        raise ValueError(f"stream {name!r} holds {tagged!r:.60} for its frames")
    typ, frames = tagged.value
    if not isinstance(typ, str):
        raise ValueError(f"stream {name!r} has {typ!r:.60} for its type")
    return StreamData(typ, list(frames))


def _pickles(content: io.BufferedReader[Any]) -> Callable[[], InternalWorkerMessage]:
    return lambda: _message_of_pickle(RestrictedUnpickler(content, PICKLED).load())


class _PickledModel:
    """Stands for a class of old captures while it is unpickled, and takes the fields as pydantic stores them."""

    fields: dict[str, Any]

    def __setstate__(self, state: object) -> None:
        match state:
            case {"__dict__": {} as fields}:
                self.fields = fields
            case _:
                raise ValueError(f"an old message was stored with the state {state!r:.60}")


class _PickledMessage(_PickledModel):
    pass


class _PickledStream(_PickledModel):
    pass


PICKLED: Globals = {
    ("dranspose.event", "InternalWorkerMessage"): _PickledMessage,
    ("dranspose.event", "StreamData"): _PickledStream,
    ("datetime", "datetime"): datetime,
    ("datetime", "timezone"): timezone,
    ("datetime", "timedelta"): timedelta,
}


def _message_of_pickle(pickled: object) -> InternalWorkerMessage:
    match pickled:
        case _PickledMessage(fields={"event_number": int(event_number), "streams": {} as streams, **rest}):
            pass
        case _:
            raise ValueError(f"it holds no message of an ingester but {pickled!r:.60}")
    created_at = rest.get("created_at")
    return InternalWorkerMessage(
        EventNumber(event_number),
        {_stream_name(name): _pickled_stream(name, stream) for name, stream in streams.items()},
        created_at if isinstance(created_at, datetime) else None,
    )


def _pickled_stream(name: str, pickled: object) -> StreamData:
    match pickled:
        case _PickledStream(fields={"typ": str(typ), "frames": [*frames]}):
            return StreamData(typ, frames)
        case _:
            raise ValueError(f"stream {name!r} holds no frames but {pickled!r:.60}")


class CaptureWriter:
    """Appends messages to a ``.cbors`` file, compressed if its name ends in ``.gz``."""

    def __init__(self, path: Path) -> None:
        self._file = gzip.GzipFile(path, "ab") if path.suffix == ".gz" else path.open("ab")

    def write(self, message: InternalWorkerMessage) -> None:
        """Append one record; raises OSError."""
        self._file.write(encode_record(message))

    def close(self) -> None:
        """Write out what is buffered, and close the file; raises OSError."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def encode_record(message: InternalWorkerMessage) -> bytes:
    """Return the record of a message, with its creation time if it has one."""
    streams = {
        name: cbor2.CBORTag(STREAM_TAG, [stream.typ, [frame_bytes(frame) for frame in stream.frames]])
        for name, stream in message.streams.items()
    }
    content: list[object] = [message.event_number, streams]
    if message.created_at is not None:
        utc = message.created_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        content.append(cbor2.CBORTag(DATE_TAG, utc))
    return cbor2.dumps(cbor2.CBORTag(SELF_DESCRIBED_TAG, cbor2.CBORTag(MESSAGE_TAG, content)))

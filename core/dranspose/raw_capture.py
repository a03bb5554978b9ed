"""Raw captures: files of the messages that a detector sent, before anything is made of them.

A sequence of CBOR arrays of byte strings (RFC 8742), an array for each message and a byte string for each of its parts;
of a TCP stream, an array of one for each piece that arrived. It may be compressed with gzip.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import cbor2

from dranspose.capture import GZIP_MAGIC, CaptureError
from dranspose.event import Frame, frame_bytes

ARRAYS = {bytes([first]) for first in range(0x81, 0xA0)}
"""The first byte of a CBOR array that is not empty (RFC 8949, appendix B)."""


def is_raw(path: Path) -> bool:
    """Tell whether a file begins as a raw capture does; raises OSError."""
    with _content(path) as content:
        return content.peek(1)[:1] in ARRAYS


def read(path: Path) -> Iterator[list[Frame]]:
    """Yield the parts of each message.

    Raises:
        OSError: the file cannot be opened.
        CaptureError: it cannot be read from some message on.
    """
    with _content(path) as content:
        while True:
            offset = content.tell()
            try:
                if not content.peek(1):
                    return
                parts = cbor2.load(cast("BinaryIO", content))
            except Exception as error:  # noqa: BLE001 - decoders raise whatever damaged bytes lead them to
                raise CaptureError(
                    f"{path} cannot be read from the message at byte {offset}: {error}", offset
                ) from None
            if not isinstance(parts, list) or not all(isinstance(part, bytes) for part in parts):
                raise CaptureError(f"{path} has no array of byte strings at byte {offset}", offset)
            yield list(parts)


class RawCaptureWriter:
    """Appends messages to a raw capture, compressed if its name ends in ``.gz``; opening it raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file = gzip.GzipFile(path, "ab") if path.suffix == ".gz" else path.open("ab")

    def write(self, parts: Sequence[Frame]) -> None:
        """Append one message; raises OSError."""
        self._file.write(cbor2.dumps([frame_bytes(part) for part in parts]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()


class _Decompressed(gzip.GzipFile):
    """Content without seeking: where it can, cbor2 reads ahead and seeks back, which here means to begin anew."""

    def seekable(self) -> bool:
        return False


@contextmanager
def _content(path: Path) -> Iterator[io.BufferedReader[Any] | gzip.GzipFile]:
    with path.open("rb") as file:
        yield _Decompressed(fileobj=file) if file.peek(2)[:2] == GZIP_MAGIC else file

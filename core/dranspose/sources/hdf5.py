"""Images in HDF5 files, of detectors or of anything else, as a source: a file is played as a series of STINS.

Images that are each one compressed chunk (bitshuffle with LZ4, or LZ4) are sent as they are in the file.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Generator, Sequence
from typing import Any

import h5py
import numpy as np
import zmq

from dranspose.event import Frame
from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, Skipped
from dranspose.sources.skips import Skips
from dranspose.sources.source import SourceError
from dranspose.sources.stins import packet_of

SEPARATOR = "::"
DEFAULT_GROUP = "entry/data"
NUMBERED = re.compile(r"data_\d+")

READ_BYTES = 2**24
"""So much is read at once, and the image with which it is more."""

BITSHUFFLE, LZ4 = 32008, 32004
"""Filters, as registered with the HDF Group."""

BITSHUFFLE_WITH_LZ4 = 2
"""The fifth of bitshuffle's options."""


class Hdf5Source:
    """The images of one file; each time it is opened it plays them, as fast as they are taken.

    Args:
        stream: the name that the stream has in trigger maps.
        urls: the one file, as `series` takes it.
    """

    connections = 1
    several_series = False
    unanswered = ()

    def __init__(self, stream: StreamName, urls: Sequence[str]) -> None:
        if len(urls) != 1:
            raise ValueError(f"stream {stream!r}: an HDF5 source plays one file, not {len(urls)}")
        self.streams = (stream,)
        self.sockets: list[socket.socket] = []
        self._stream = stream
        self._url = urls[0]
        self._skips = Skips(stream, self._url)
        self._messages: Generator[list[Frame]] = series(self._url)
        self._start: list[Frame] | None = None
        self._next_number = 0

    @property
    def skipped(self) -> int:
        """One, if the file could not be read on."""
        return self._skips.count

    def open(self, context: zmq.Context[Any]) -> None:
        """Open the file; see `Source.open`."""
        self._skips = Skips(self._stream, self._url)
        self._messages = series(self._url)
        try:
            self._start = next(self._messages)
        except ValueError as error:
            raise SourceError(f"stream {self._stream!r}: {error}") from None
        readable, other = socket.socketpair()
        other.close()  # from now on there is its end to read
        self.sockets = [readable]

    def close(self) -> None:
        """Close the file; see `Source.close`."""
        self._messages.close()
        for readable in self.sockets:
            readable.close()
        self.sockets = []

    def read(self, readable: socket.socket, limit: int) -> list[Packet | Skipped]:
        """Return the next images; see `Source.read`. A file that cannot be read on ends there."""
        read: list[Packet | Skipped] = []
        room = READ_BYTES
        while len(read) < limit and room > 0:
            try:
                parts = self._start or next(self._messages)
            except StopIteration:
                self.close()
                return read
            except ValueError as error:
                self.close()
                end = packet_of(self._stream, [_header("series_end", self._next_number)])
                return [*read, self._skips.skip(str(error), b""), end]
            self._start = None
            packet = packet_of(self._stream, parts)
            self._next_number = packet.number + 1
            room -= sum(map(len, parts))
            read.append(packet)
        return read


def series(url: str) -> Generator[list[Frame]]:
    """Yield the STINS messages of a file: a start, its images, and an end.

    Args:
        url: the path of the file, and after ``::`` what to play of it, such as ``run_master.h5::/entry/data``: a
            dataset, whose first axis counts images, or a group, of which it is the ``signal``, ``data``, or
            ``data_000001`` and so on. By default it is what the attributes ``default`` lead to, or ``/entry/data``.

    Raises:
        ValueError: the file is not there or cannot be read, or has no such images.
    """
    path, _, place = url.partition(SEPARATOR)
    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401 - filters of images that are not sent as they are in the file
    frame = 0
    try:
        with h5py.File(path, "r") as file:
            datasets = _datasets(file, place)
            yield [_header("header", 0, filename=path)]
            for dataset in datasets:
                compression = _compression(dataset)
                for index in range(len(dataset)):
                    yield [*_image(dataset, index, compression, frame)]
                    frame += 1
            yield [_header("series_end", frame + 1)]
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"{url} cannot be read at image {frame}: {error}") from None


def _header(htype: str, msg_number: int, **more: object) -> bytes:
    return json.dumps({"htype": htype, "msg_number": msg_number, **more}).encode()


def _datasets(file: h5py.File, place: str) -> list[h5py.Dataset]:
    """Return the datasets to play, one after the other."""
    node = file[place] if place else _default(file)
    if isinstance(node, h5py.Group):
        named = [name for name in (node.attrs.get("signal", "data"), "data") if name in node]
        datasets = [_linked(node, name) for name in named[:1] or sorted(filter(NUMBERED.fullmatch, node))]
    else:
        datasets = [node]
    if not datasets:
        raise ValueError(f"{file.filename} has no images in {node.name}")
    for dataset in datasets:
        if not isinstance(dataset, h5py.Dataset) or not dataset.shape or dataset.dtype.kind not in "iufb":
            raise ValueError(f"{file.filename} has no array of numbers at {dataset.name}")
    return datasets


def _linked(group: h5py.Group, name: str) -> Any:
    try:
        return group[name]
    except KeyError:
        link = group.get(name, getlink=True)
        where = f", which should be in {link.filename}" if isinstance(link, h5py.ExternalLink) else ""
        raise ValueError(f"{group.file.filename} cannot open {group.name}/{name}{where}") from None


def _default(file: h5py.File) -> Any:
    """Return what a file says it is to be shown by: of its default entry the default."""
    if "default" not in file.attrs:
        return file[DEFAULT_GROUP]
    entry = file[file.attrs["default"]]
    return entry[entry.attrs["default"]] if "default" in entry.attrs else entry


def _compression(dataset: h5py.Dataset) -> str:
    """Return in which compression each image is a chunk of its own, ``none`` if that is not so."""
    properties = dataset.id.get_create_plist()
    if dataset.chunks != (1, *dataset.shape[1:]) or properties.get_nfilters() != 1 or not dataset.dtype.isnative:
        return "none"
    code, _, options, _ = properties.get_filter(0)
    if code == BITSHUFFLE and options[4:] == (BITSHUFFLE_WITH_LZ4,):
        return "bslz4"
    return "lz4" if code == LZ4 else "none"


def _image(dataset: h5py.Dataset, index: int, compression: str, frame: int) -> tuple[bytes, bytes]:
    blob = None
    if compression != "none":
        corner = (index, *[0] * (dataset.ndim - 1))
        chunk = dataset.id.get_chunk_info_by_coord(corner)
        if chunk.byte_offset is not None and not chunk.filter_mask:  # it was written, and compressed
            _, blob = dataset.id.read_direct_chunk(corner)
    if blob is None:
        compression = "none"
        blob = np.asarray(dataset[index], dataset.dtype.newbyteorder("=")).tobytes()
    shape, type_name = dataset.shape[1:], dataset.dtype.name
    about_image = {"frame": frame, "shape": shape, "type": type_name, "compression": compression}
    return _header("image", frame + 1, **about_image), blob

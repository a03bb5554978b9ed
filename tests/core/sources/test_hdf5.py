"""HDF5 files, as detectors and others write them, are played as the series that they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
import zmq
from tests.core.sources.live import STREAM, Scan

from dranspose.data.stream1 import Stream1Data, Stream1End, Stream1Start
from dranspose.event import StreamData
from dranspose.middlewares.stream1 import parse
from dranspose.simulate.images import pattern
from dranspose.sources.hdf5 import Hdf5Source, series
from dranspose.sources.matching import MatchCounts
from dranspose.sources.source import SourceError

SHAPE = (17, 13)
IMAGES = np.array([pattern(SHAPE, "uint32", image) for image in range(5)])
EACH = (1, *SHAPE)


def played(url: object) -> list[Any]:
    return [parse(StreamData("STINS", parts)) for parts in series(str(url))]


def images(url: object) -> np.ndarray[Any, Any]:
    """Return the images of a file, which must be a whole series of them."""
    start, *images, end = played(url)
    assert isinstance(start, Stream1Start)
    assert isinstance(end, Stream1End)
    assert all(isinstance(image, Stream1Data) for image in images)
    assert [message.msg_number for message in (start, *images, end)] == list(range(len(images) + 2))
    assert [image.frame for image in images] == list(range(len(images)))
    return np.array([image.data for image in images])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.h5"


def write(path: Path, place: str = "entry/data/data", data: Any = IMAGES, **options: Any) -> Path:
    with h5py.File(path, "a") as file:
        file.create_dataset(place, data=data, **options)
    return path


@pytest.mark.parametrize(
    ("options", "compression"),
    [
        ({}, "none"),
        ({"chunks": EACH}, "none"),
        ({"chunks": EACH, "compression": "gzip"}, "none"),
        ({"chunks": EACH, **hdf5plugin.Bitshuffle(cname="lz4")}, "bslz4"),
        ({"chunks": EACH, **hdf5plugin.Bitshuffle(cname="none")}, "none"),
        ({"chunks": EACH, **hdf5plugin.Bitshuffle(cname="zstd")}, "none"),
        ({"chunks": EACH, **hdf5plugin.LZ4()}, "lz4"),
        ({"chunks": EACH, **hdf5plugin.Bitshuffle(cname="lz4"), "fletcher32": True}, "none"),
        ({"chunks": (2, *SHAPE), **hdf5plugin.Bitshuffle(cname="lz4")}, "none"),
        ({"chunks": (1, 4, 4), **hdf5plugin.Bitshuffle(cname="lz4")}, "none"),
    ],
)
def test_images_in_all_compressions(path: Path, options: dict[str, Any], compression: str) -> None:
    np.testing.assert_array_equal(images(write(path, **options)), IMAGES, strict=True)
    assert {image.compression for image in played(path)[1:-1]} == {compression}


def test_compressed_images_are_sent_as_they_are(path: Path) -> None:
    write(path, chunks=EACH, **hdf5plugin.Bitshuffle(cname="lz4"))
    with h5py.File(path) as file:
        _, chunk = file["entry/data/data"].id.read_direct_chunk((3, 0, 0))
    assert played(path)[1 + 3].blobs == [chunk]


def test_images_that_were_never_written(path: Path) -> None:
    options = {"chunks": EACH, **hdf5plugin.Bitshuffle(cname="lz4")}
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("entry/data/data", IMAGES.shape, IMAGES.dtype, fillvalue=7, **options)
        dataset[0] = IMAGES[0]
    np.testing.assert_array_equal(images(path), [IMAGES[0], *np.full((4, *SHAPE), 7)])


@pytest.mark.parametrize("data", [IMAGES.astype(">u2"), IMAGES.astype("float64"), np.arange(5), IMAGES[:, None] > 3])
def test_arrays_of_other_types_and_shapes(path: Path, data: np.ndarray[Any, Any]) -> None:
    np.testing.assert_array_equal(
        images(write(path, data=data)), data.astype(data.dtype.newbyteorder("=")), strict=True
    )


def test_a_master_file_with_external_links(path: Path, tmp_path: Path) -> None:
    with h5py.File(path, "w") as master:
        for number, part in enumerate((IMAGES[:3], IMAGES[3:]), 1):
            name = f"data_{number:06}"
            write(tmp_path / f"run_{name}.h5", data=part, chunks=EACH, **hdf5plugin.Bitshuffle(cname="lz4"))
            master[f"entry/data/{name}"] = h5py.ExternalLink(f"run_{name}.h5", "entry/data/data")
        master["entry/data/exposure"] = 0.1
    np.testing.assert_array_equal(images(path), IMAGES, strict=True)
    np.testing.assert_array_equal(images(f"{path}::/entry/data/data_000002"), IMAGES[3:], strict=True)
    (tmp_path / "run_data_000002.h5").unlink()
    with pytest.raises(ValueError, match=r"run\.h5 cannot open .*data_000002, which should be in run_data_000002\.h5"):
        played(path)


def test_a_nexus_file_tells_what_to_play(path: Path) -> None:
    write(path, "scan7/detector/counts")
    write(path, "scan7/detector/data", data=np.zeros(5))
    with h5py.File(path, "a") as file:
        file.attrs["default"] = "scan7"
        file["scan7"].attrs["default"] = "detector"
        file["scan7/detector"].attrs["signal"] = "counts"
    np.testing.assert_array_equal(images(path), IMAGES, strict=True)
    assert images(f"{path}::scan7/detector/data").shape == (5,)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("entry/nowhere", "cannot be read at image 0"),
        ("entry", "has no images in /entry"),
        ("entry/text", "has no array of numbers at /entry/text"),
        ("entry/number", "has no array of numbers at /entry/number"),
    ],
)
def test_what_cannot_be_played(path: Path, place: str, reason: str) -> None:
    write(path, "entry/text", data=["a", "b"])
    write(path, "entry/number", data=5)
    with pytest.raises(ValueError, match=reason):
        played(f"{path}::{place}")


@pytest.mark.parametrize("content", [None, b"", b"no HDF5"])
def test_what_is_no_file_cannot_be_opened(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    source = Hdf5Source(STREAM, [str(path)])
    with zmq.Context() as context, pytest.raises(SourceError, match=r"'detector': .*run\.h5 cannot be read"):
        source.open(context)
    assert source.sockets == []


def test_a_scan_of_a_file(path: Path) -> None:
    source = Hdf5Source(STREAM, [str(write(path, chunks=EACH, **hdf5plugin.Bitshuffle(cname="lz4")))])
    for _ in range(2):
        scan = Scan(source, 5).run()
        assert (scan.matcher.counts, scan.skipped) == (MatchCounts(delivered=7), [])
        for event, image in [*scan.parsed(parse).items()][1:-1]:
            np.testing.assert_array_equal(image.data, IMAGES[event - 1])


def test_few_images_are_read_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dranspose.sources.hdf5.READ_BYTES", 1500)
    source = Hdf5Source(STREAM, [str(write(path))])
    with zmq.Context() as context:
        source.open(context)
        [socket] = source.sockets
        counts = []
        while source.sockets:
            counts.append(len(source.read(socket, 4)))
    assert counts == [3, 2, 2]


def test_a_damaged_file_ends_where_it_is_damaged(path: Path) -> None:
    write(path, chunks=EACH, compression="gzip")
    with h5py.File(path) as file:
        at = file["entry/data/data"].id.get_chunk_info_by_coord((3, 0, 0))
    with path.open("r+b") as content:
        content.seek(at.byte_offset)
        content.write(bytes(at.size))
    scan = Scan(Hdf5Source(STREAM, [str(path)]), 5).run()
    assert (scan.matcher.counts.delivered, scan.missing) == (5, [(4, 5)])
    [skipped] = scan.skipped
    assert "run.h5 cannot be read at image 3" in skipped.reason
    assert scan.source.sockets == []


def test_one_file(path: Path) -> None:
    with pytest.raises(ValueError, match="'detector': an HDF5 source plays one file, not 2"):
        Hdf5Source(STREAM, [str(path), str(path)])

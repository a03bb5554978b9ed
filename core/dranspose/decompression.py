"""Compressed images to arrays."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

HEADER = struct.Struct(">QI")  # bytes of the array, bytes of a block
LENGTH = struct.Struct(">I")  # bytes of one compressed block
DEFAULT_BLOCK_BYTES = 8192
SHUFFLED_TOGETHER = 8  # elements; fewer at the end are stored as they are
BEST_RATIO = 255  # of LZ4: one byte of a run's length stands for 255


def bslz4(blob: bytes | memoryview, shape: Sequence[int], dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    """Decompress a chunk of bitshuffled LZ4 as HDF5 stores it: a header of 12 bytes, then each block after its length.

    A chunk without the header, in blocks of 8192 bytes, is taken as well. (The format is that of
    ``bshuf_compress_lz4`` and of the HDF5 filter in https://github.com/kiyo-masui/bitshuffle.)

    Returns:
        A new read-only array of the given shape and dtype.

    Raises:
        ValueError: the chunk is not such an array, compressed.
    """
    import imagecodecs  # a tenth of a second that only compressed images should cost

    size = _size("bslz4", blob, shape, dtype)
    blob = memoryview(blob)
    with_header = len(blob) >= HEADER.size and HEADER.unpack_from(blob)[0] == size
    block_bytes = (HEADER.unpack_from(blob)[1] if with_header else 0) or DEFAULT_BLOCK_BYTES
    body = blob[HEADER.size :] if with_header else blob
    if block_bytes % (SHUFFLED_TOGETHER * dtype.itemsize):
        raise ValueError(f"blocks of {block_bytes} bytes do not fit bitshuffled {dtype}")

    unshuffled = math.prod(shape) % SHUFFLED_TOGETHER * dtype.itemsize
    compressed = size - unshuffled
    blocks = list(_blocks("bslz4", body[: len(body) - unshuffled], compressed, block_bytes))
    shuffled = bytearray(size)
    shuffled[compressed:] = body[len(body) - unshuffled :]
    target = memoryview(shuffled)[:compressed]
    try:
        if any(len(block) == out_bytes for block, out_bytes in blocks):
            # the decoder of all blocks at once takes a block that did not shrink for an uncompressed one
            decompressed = sum(
                len(imagecodecs.lz4_decode(bytes(block), out=target[number * block_bytes :][:out_bytes]))
                for number, (block, out_bytes) in enumerate(blocks)
            )
        else:
            header = HEADER.pack(compressed, block_bytes)
            decompressed = len(imagecodecs.lz4h5_decode(header + body[: len(body) - unshuffled], out=target))
        if decompressed != compressed:
            raise ValueError(f"the bslz4 blocks hold {decompressed} of {compressed} bytes")
        decoded = imagecodecs.bitshuffle_decode(
            shuffled, itemsize=dtype.itemsize, blocksize=block_bytes // dtype.itemsize
        )
    except RuntimeError as error:
        raise ValueError(f"not bslz4: {error}") from None
    return np.frombuffer(decoded, dtype).reshape(shape)


def lz4(blob: bytes | memoryview, shape: Sequence[int], dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    """Decompress LZ4: a bare block, or blocks as HDF5 stores them, each after its length and all after a header.

    (The latter is the format of HDF5's registered filter 32004, which stores a block as it is if it did not shrink.)

    Returns:
        A new read-only array of the given shape and dtype.

    Raises:
        ValueError: the blob is not such an array, compressed.
    """
    import imagecodecs  # a tenth of a second that only compressed images should cost

    size = _size("lz4", blob, shape, dtype)
    blob = memoryview(blob)
    blocks: Iterable[tuple[memoryview, int]] = [(blob, size)]
    if len(blob) >= HEADER.size and HEADER.unpack_from(blob)[0] == size:
        blocks = _blocks("lz4", blob[HEADER.size :], size, HEADER.unpack_from(blob)[1] or size)
    array = bytearray(size)
    at = 0
    try:
        for block, out_bytes in blocks:
            target = memoryview(array)[at : at + out_bytes]
            if len(block) == out_bytes:
                target[:] = block
            elif len(imagecodecs.lz4_decode(bytes(block), out=target)) != out_bytes:
                raise ValueError(f"an lz4 block holds less than its {out_bytes} bytes")
            at += out_bytes
    except RuntimeError as error:
        raise ValueError(f"not lz4: {error}") from None
    decompressed = np.frombuffer(array, dtype).reshape(shape)
    decompressed.flags.writeable = False
    return decompressed


def _size(what: str, blob: bytes | memoryview, shape: Sequence[int], dtype: np.dtype[np.generic]) -> int:
    """Return the bytes of an array; raise ValueError if it has none, or more than the blob can hold."""
    size = math.prod(shape) * dtype.itemsize
    if not size:
        raise ValueError(f"an array of shape {list(shape)} has no content to decompress")
    if size > BEST_RATIO * len(blob):
        raise ValueError(f"{len(blob)} bytes of {what} cannot hold the {size} bytes of {list(shape)} {dtype}")
    return size


def _blocks(what: str, body: memoryview, size: int, block_bytes: int) -> Iterator[tuple[memoryview, int]]:
    """Yield each compressed block with its decompressed length; raise ValueError unless they fill the body."""
    at = 0
    for start in range(0, size, block_bytes):
        if at + LENGTH.size > len(body):
            raise ValueError(f"{what} ends after {start} of {size} bytes")
        (length,) = LENGTH.unpack_from(body, at)
        at += LENGTH.size
        if at + length > len(body):
            raise ValueError(f"a {what} block of {length} bytes goes beyond the end of the chunk")
        yield body[at : at + length], min(block_bytes, size - start)
        at += length
    if at != len(body):
        raise ValueError(f"{len(body) - at} bytes follow after the last {what} block")

"""Chunks of bitshuffled LZ4 become the arrays that an independent encoder was given, and all others a ValueError.

`REFERENCE` holds chunks without header that the encoder of the format's authors made: ``compress_lz4`` of the package
bitshuffle 0.5.2, for each type, number of elements and elements of a block (None is 8192 bytes), of `numbers`.
"""

from __future__ import annotations

import base64
import struct
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dranspose.decompression import bslz4, lz4

REFERENCE = {
    ("uint8", 7, None): ("AAECAwQFBg=="),
    ("uint8", 8, None): ("AAAACYCqzPAAAAAAAA=="),
    ("uint16", 100, None): ("AAAALReqAQAXzAEAF/ABACcA/wIAJwD/BABAAAD//xAABgIADBAADwIASFAAAAAAAGAAYQBiAGMA"),
    ("uint8", 16391, None): (
        "AAAApR8AAQAsH/8BACwPfwAsHwB/ACwPgAD///8xDwIALQ/AAy0PAgAtD8AALQ8CAC0PwAAtDwIALQ/AAC0PAgAtD8AALQ8CAC0P"
        "wAAtDwIALQ/AAC0PAgAtD8AALQ8CAK0PQAEtDwIArQ/AAa0PAgAtD8ABrQ8CAC0PQAEtDwIA/64PQAItDwIA/64PwAP/rg8CAP//"
        "////////////////NlAAAAAAAAAAAKUfAAEALB//AQAsD38ALB8AfwAsD4AA////MQ8CAC0PwAMtDwIALQ/AAC0PAgAtD8AALQ8C"
        "AC0PwAAtDwIALQ/AAC0PAgAtD8AALQ8CAC0PwAAtDwIALQ/AAC0PAgCtD0ABLQ8CAK0PwAGtDwIALQ/AAa0PAgAtD0ABLQ8CAP+u"
        "D0ACLQ8CAP//////sg/AB/+uDwIA/////////////zJQAAAAAAAgICAgICAg"
    ),
    ("uint16", 8201, None): (
        "AAAAax8AAQAsH/8BACwPfwAsHwB/ACwPgAD/Lw8CAC0PwAEtDwIALQ/AAC0PAgAtD8AALQ8CAC0PwAAtDwIArQ9AAS0PAgCtD8AB"
        "rQ8CAP////////////////////////////////9BUAAAAAAAAAAAax8AAQAsH/8BACwPfwAsHwB/ACwPgAD/Lw8CAC0PwAEtDwIA"
        "LQ/AAC0PAgAtD8AALQ8CAC0PwAAtDwIArQ9AAS0PAgD//68PwAOtDwIA//////////////////////////////8/UAAAAAAAAAAA"
        "EvABAAAAAP8AAAAAAAAAAAAAABAA"
    ),
    ("uint32", 100, 16): (
        "AAAAE5+qqszM8PAA/wABAB9QAAAAAAAAAAAVv6qqzMzw8AD///8AAQAdUAAAAAAAAAAAF9+qqszM8PAA/wAA//8AAQAbUAAAAAAA"
        "AAAAFoCqqszM8PAA/wEAHwABABtQAAAAAAAAAAAa0aqqzMzw8AD/AAAAAP8GAA8CABZQAAAAAAAAAAAZwKqqzMzw8AD///8AAAQA"
        "DwIAGFAAAAAAAGAAAABhAAAAYgAAAGMAAAA="
    ),
    ("int32", 4096, None): (
        "AAAATh8AAQAsH/8BACwPfwAsHwB/ACwPgAAuDwIALQ/AAC0PAgAtD8AALQ8CAP//////////////////////////////////////"
        "xVAAAAAAAAAAAE4fAAEALB//AQAsD38ALB8AfwAsD4AALg8CAC0PwAAtDwIA/y4PwAEtDwIA////////////////////////////"
        "/////////8RQAAAAAAA="
    ),
    ("float32", 2051, None): (
        "AAAAUx8AAQD/////////////////////////////wh//AQAsD/8WLQ9/ACwPgAAuDwIAbQ8AAf//////8g8CAC0PQAYtDwIALQ/A"
        "AC0PAgCoUAAAAAAAAACAQAAAgEAAAIBA"
    ),
    ("float64", 70, 64): (
        "AAAAWh8AAQD/aUCqqqqqBgDwBszMzMwAqszM8PDw8KDM8PAA/wD/yAYAcAD///IA//+jASMC/wgAgAAAAP////8CFQADEAAAAgAP"
        "EAAVEPw9ALD///8AAAAAAAAAAAAAAAAAAFBAAAAAAABAUEAAAAAAAIBQQAAAAAAAwFBAAAAAAAAAUUAAAAAAAEBRQA=="
    ),
    ("complex128", 17, None): ("AAAAIx8AAQBPuqqgzMjw8gAC/wIAAgAv/P99AE8PAgAIUAAAAAAAAAAAAAAAMEAAAAAAAAAAAA=="),
}


def chunk(array: np.ndarray, block_elements: int, *, with_header: bool = True) -> bytes:
    """Compress as the format is described, block by block, with the codecs that the decoder does not use together."""
    flat = np.ascontiguousarray(array).reshape(-1)
    together = len(flat) // 8 * 8
    parts = [header(flat.nbytes, block_elements * flat.itemsize)] if with_header else []
    for start in range(0, together, block_elements):
        block = flat[start : min(start + block_elements, together)].tobytes()
        shuffled = imagecodecs.bitshuffle_encode(block, itemsize=flat.itemsize, blocksize=len(block) // flat.itemsize)
        compressed = imagecodecs.lz4_encode(shuffled)
        parts += [struct.pack(">I", len(compressed)), compressed]
    return b"".join([*parts, flat[together:].tobytes()])


def numbers(dtype: str, count: int) -> np.ndarray:
    return (np.arange(count) // (512 if count > 100 else 1)).astype(dtype)


def header(nbytes: int, block_bytes: int = 8192) -> bytes:
    return struct.pack(">QI", nbytes, block_bytes)


@pytest.mark.parametrize(("dtype", "count", "block"), REFERENCE)
def test_a_reference_chunk_with_its_header(dtype, count, block):
    expected = numbers(dtype, count)
    block_bytes = (block or 0) * expected.itemsize or 8192
    blob = header(expected.nbytes, block_bytes) + base64.b64decode(REFERENCE[dtype, count, block])
    np.testing.assert_array_equal(bslz4(blob, [count], expected.dtype), expected)


@pytest.mark.parametrize(("dtype", "count"), [(dtype, count) for dtype, count, block in REFERENCE if block is None])
def test_a_reference_chunk_without_header(dtype, count):
    blob = base64.b64decode(REFERENCE[dtype, count, None])
    np.testing.assert_array_equal(bslz4(blob, [count], np.dtype(dtype)), numbers(dtype, count))


@pytest.mark.parametrize(("dtype", "count", "block"), REFERENCE)
def test_the_encoder_of_these_tests_agrees_with_the_reference(dtype, count, block):
    array = numbers(dtype, count)
    encoded = chunk(array, block or 8192 // array.itemsize, with_header=False)
    np.testing.assert_array_equal(
        bslz4(header(array.nbytes, (block or 0) * array.itemsize or 8192) + encoded, [count], array.dtype), array
    )


@settings(deadline=None)
@given(
    dtype=st.sampled_from(["u1", "<u2", ">u2", "i4", "u8", "f4", "f8", "c16", "?"]),
    shape=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    block=st.sampled_from([16, 64, 512]),
    noise=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_array_comes_back(dtype, shape, block, noise, seed):
    random = np.random.default_rng(seed)
    array = (random.integers(0, 256, shape) if noise else random.poisson(0.3, shape)).astype(dtype)
    decoded = bslz4(chunk(array, block), shape, array.dtype)
    assert decoded.dtype == array.dtype
    np.testing.assert_array_equal(decoded, array)


def test_noise_that_does_not_get_smaller_comes_back():
    array = np.random.default_rng(1).integers(0, 2**32, 5000, np.uint32)
    blob = chunk(array, 2048)
    assert len(blob) > array.nbytes
    np.testing.assert_array_equal(bslz4(blob, array.shape, array.dtype), array)


def test_a_block_that_keeps_its_size_exactly_comes_back():
    random = np.random.default_rng(1)
    sizes = set()
    for zeros in range(20):
        shuffled = random.bytes(40) + bytes(zeros) + random.bytes(88 - zeros)
        array = np.frombuffer(imagecodecs.bitshuffle_decode(shuffled, itemsize=1, blocksize=128), np.uint8)
        blob = chunk(array, 128)
        sizes.add(len(blob) - 16)
        np.testing.assert_array_equal(bslz4(blob, array.shape, array.dtype), array)
    assert 128 in sizes


def test_the_array_is_read_only():
    assert not bslz4(chunk(np.arange(64), 64), [8, 8], np.dtype(int)).flags.writeable


def test_a_view_of_memory_is_decompressed_as_bytes_are():
    array = np.arange(64)
    np.testing.assert_array_equal(bslz4(memoryview(chunk(array, 64)), [64], array.dtype), array)


GOOD = chunk(np.arange(200, dtype=np.uint32), 64)


@pytest.mark.parametrize(
    ("blob", "shape", "reason"),
    [
        (GOOD, [201], "bslz4"),
        (GOOD, [100], "bslz4"),
        (GOOD, [200, 200], "bslz4"),
        (GOOD, [0], "no content to decompress"),
        (GOOD, [10**30], r"cannot hold the 4\d+ bytes"),
        (b"", [200], "0 bytes of bslz4 cannot hold the 800 bytes"),
        (GOOD[:-1], [200], "bslz4"),
        (GOOD[:100], [200], "bslz4"),
        (GOOD + b"\0", [200], "1 bytes follow after the last bslz4 block"),
        (header(800, 12) + GOOD[12:], [200], "blocks of 12 bytes do not fit bitshuffled uint32"),
        (header(800, 128) + GOOD[12:], [200], "bslz4"),
        (header(800, 512) + GOOD[12:], [200], "bslz4"),
        (
            header(800) + struct.pack(">I", 2**32 - 1) + GOOD[16:],
            [200],
            "a bslz4 block of 4294967295 bytes goes beyond",
        ),
    ],
)
def test_a_chunk_of_another_size_is_refused(blob, shape, reason):
    with pytest.raises(ValueError, match=reason):
        bslz4(blob, shape, np.dtype(np.uint32))


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["first", "last"])
def test_a_block_that_holds_too_little_is_refused(order):
    whole, short = imagecodecs.lz4_encode(bytes(8192)), imagecodecs.lz4_encode(bytes(5000))
    blocks = [struct.pack(">I", len(block)) + block for block in (whole, short)[order]]
    with pytest.raises(ValueError, match="hold 13192 of 16384 bytes"):
        bslz4(header(16384) + b"".join(blocks), [16384], np.dtype(np.uint8))


HOSTILE = """
import random, sys
import numpy as np
from dranspose.decompression import bslz4, lz4

good, shape, dtype = bytes.fromhex(sys.argv[1]), (200,), np.dtype(np.uint32)
draw = random.Random(int(sys.argv[2]))

def damaged():
    blob = bytearray(good if draw.random() < 0.5 else good[12:])
    match draw.randrange(4):
        case 0:
            return draw.randbytes(draw.randrange(300))
        case 1:
            return bytes(blob[: draw.randrange(len(blob))])
        case 2:
            for _ in range(draw.randrange(1, 4)):
                blob[draw.randrange(len(blob))] ^= 1 << draw.randrange(8)
        case 3:
            at = draw.randrange(len(blob))
            blob[at : at + draw.randrange(4)] = draw.randbytes(draw.randrange(6))
    return bytes(blob)

arrays = 0
for _ in range(20_000):
    size = draw.choice([shape, shape, (draw.randrange(400),), (draw.randrange(30), draw.randrange(30)), ()])
    kind = draw.choice([dtype, dtype, np.dtype(draw.choice(["u1", "u2", "f8", "c16"]))])
    try:
        array = bslz4(damaged(), size, kind)
    except ValueError:
        continue
    assert array.shape == size and array.dtype == kind
    arrays += 1
print(arrays)
"""


def test_damaged_chunks_give_an_array_or_a_value_error():
    # of its own process, so that a crash of the interpreter is one failed test
    run = subprocess.run(
        [sys.executable, "-c", HOSTILE, GOOD.hex(), "1"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert 0 < int(run.stdout) < 20_000


LZ4_REFERENCE = {
    "one block": (
        np.arange(300, dtype=np.uint16) % 7,
        "AAAAAAAAAlgAAAJYAAAAGu8AAAEAAgADAAQABQAGAA4A//80UAAEAAUA",
    ),
    "blocks": (
        np.arange(300, dtype=np.uint32) % 7,
        "AAAAAAAABLAAAAEAAAAAJ/AKAAAAAAEAAAACAAAAAwAAAAQAAAAFAAAABhkADxwAy1AAAAAAAAAAACTyBwEAAAACAAAAAwAAAAQAAAAFAAAABgAB"
        "AA8cAMxQAAEAAAAAAAAk8gMCAAAAAwAAAAQAAAAFAAAABgABAE8BAAAAHADMUAACAAAAAAAAI+IDAAAABAAAAAUAAAAGAAEAjwEAAAACAAAAHADM"
        "UAADAAAAAAAAI6IEAAAABQAAAAYAAQDPAQAAAAIAAAADAAAAHAB8UAAFAAAA",
    ),
    "noise, in blocks that are stored as they are": (
        np.random.default_rng(1).integers(0, 2**32, 20, dtype=np.uint32),
        "AAAAAAAAAFAAAAAgAAAAIP/kInnzvQaDZqhSwbuWUfPNGOwI9qTnJNJvrNKusNryAAAAIKlyzT+gL9RPSHB43kUfX2wkbe5FM1Hk08o6ykFMRsFo"
        "AAAAECr60aQCLLKMYgLzFTIdDgc=",
    ),
}
"""Chunks that the HDF5 filter of the package hdf5plugin made."""


@pytest.mark.parametrize(("array", "chunk"), LZ4_REFERENCE.values(), ids=LZ4_REFERENCE)
def test_a_reference_chunk_of_lz4(array, chunk):
    decompressed = lz4(base64.b64decode(chunk), array.shape, array.dtype)
    np.testing.assert_array_equal(decompressed, array, strict=True)
    assert not decompressed.flags.writeable


def test_a_bare_block_of_lz4():
    array = np.arange(3000, dtype=np.float32).reshape(50, 60)
    blob = memoryview(bytes(imagecodecs.lz4_encode(array.tobytes())))
    np.testing.assert_array_equal(lz4(blob, array.shape, array.dtype), array, strict=True)


LZ4_CHUNK = base64.b64decode(LZ4_REFERENCE["blocks"][1])


@pytest.mark.parametrize(
    ("blob", "shape", "reason"),
    [
        (LZ4_CHUNK[:-1], [300], "goes beyond the end"),
        (LZ4_CHUNK[:100], [300], "goes beyond the end"),
        (LZ4_CHUNK[:13], [300], "ends after 0 of 1200 bytes"),
        (LZ4_CHUNK + b"\0", [300], "1 bytes follow"),
        (header(1200, 2**32 - 1) + LZ4_CHUNK[12:], [300], "."),
        (LZ4_CHUNK[12:], [300], "."),
        (LZ4_CHUNK, [299], "."),
        (LZ4_CHUNK, [10**9, 10**9], "cannot hold"),
        (b"", [300], "cannot hold"),
        (b"\xff" * 100, [20], "not lz4"),
        (bytes(imagecodecs.lz4_encode(bytes(100))), [200], "holds less than its 800 bytes"),
    ],
)
def test_a_blob_that_is_no_lz4_of_this_size_is_refused(blob, shape, reason):
    with pytest.raises(ValueError, match=reason):
        lz4(blob, shape, np.dtype(np.uint32))

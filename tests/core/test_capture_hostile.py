"""Whatever a file holds, reading it as a capture ends in messages or a `CaptureError`, soon and in little memory."""

from __future__ import annotations

import contextlib
import gzip
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dranspose.capture import CaptureError, CaptureReader, encode_record
from dranspose.event import InternalWorkerMessage, StreamData

MESSAGE = bytes.fromhex("d9d9f7d9a77d")
STREAM = bytes.fromhex("d9a77e")
CAPTURE = b"".join(
    encode_record(
        InternalWorkerMessage(
            number,
            {"xrd": StreamData("STINS", [b"\x01\x02", b""]), "pcap": StreamData("PCAP", [b"z" * 30])},
            datetime(2025, 1, 2, tzinfo=UTC),
        )
    )
    for number in (0, 1, 300)
)
PICKLES = (Path(__file__).parent / "data_files" / "pydantic1.pkls").read_bytes()

MANY_EXAMPLES = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

READ_ALL = """
import sys
from pathlib import Path
from dranspose.capture import CaptureReader
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        end = f"{len(list(CaptureReader(path)))} messages"
    except Exception as error:
        end = type(error).__name__
    print(path.name, end)
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0], "kB")
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "capture"


def read(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with contextlib.suppress(CaptureError):
        for message in CaptureReader(file):
            assert type(message.event_number) is int
            assert 0 <= message.event_number < 2**63
            assert all(type(name) is str for name in message.streams)
            assert all(type(stream) is StreamData for stream in message.streams.values())


@MANY_EXAMPLES
@given(start=st.sampled_from([b"", MESSAGE, MESSAGE + b"\x82\x00", b"\x80\x04", b"\x1f\x8b\x08\x00"]), rest=st.binary())
def test_random_bytes(file, start, rest):
    read(file, start + rest)


@MANY_EXAMPLES
@given(
    content=st.sampled_from([CAPTURE, gzip.compress(CAPTURE), PICKLES]),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 7)), min_size=1, max_size=4),
)
def test_flipped_bits(file, content, flips):
    damaged = bytearray(content)
    for at, bit in flips:
        damaged[at % len(content)] ^= 1 << bit
    read(file, bytes(damaged))


@MANY_EXAMPLES
@given(
    content=st.sampled_from([CAPTURE, gzip.compress(CAPTURE), PICKLES]),
    start=st.integers(0, 10_000),
    length=st.integers(0, 8),
    inserted=st.binary(max_size=8),
)
def test_bytes_in_the_place_of_others(file, content, start, length, inserted):
    start %= len(content)
    read(file, content[:start] + inserted + content[start + length :])


def nested(levels: int) -> bytes:
    """Return CBOR of a few bytes for a list that holds another twice, which holds another twice, and so on."""
    shared, of = b"\xd8\x1c", b"\xd8\x1d"
    lists = [shared + b"\x82" + (of + cbor2.dumps(level)) * 2 for level in range(levels)]
    return cbor2.dumps(list(range(levels + 1)))[:2] + shared + b"\x80" + b"".join(lists)


def hostile() -> dict[str, bytes]:
    contents = {}
    for major, kind in ((2, "bytes"), (3, "text"), (4, "array"), (5, "map")):
        for length in (2**20, 2**31, 2**40, 2**63, 2**64 - 1):
            claim = bytes([major << 5 | 27]) + length.to_bytes(8, "big") + b"\x01" * 10
            contents[f"{kind} of {length}"] = claim
            contents[f"message with {kind} of {length}"] = MESSAGE + b"\x82\x00" + claim
            contents[f"frames as {kind} of {length}"] = MESSAGE + b"\x82\x00\xa1\x61a" + STREAM + b"\x82\x61x" + claim
    for depth in (500, 1_000, 100_000):
        for head, kind in (
            (b"\x81", "lists"),
            (b"\xa1\x00", "maps"),
            (b"\xa1", "keys"),
            (b"\xc6", "tags"),
            (b"\x9f", "open"),
        ):
            contents[f"{depth} {kind}"] = head * depth + b"\x00"
            contents[f"message with {depth} {kind}"] = MESSAGE + b"\x82" + head * depth + b"\x00"
        contents[f"{depth} pickled lists"] = b"\x80\x04" + b"]" * depth + b"a" * (depth - 1) + b"."
    contents["shared lists"] = nested(60)
    contents["shared lists for an event number"] = MESSAGE + b"\x82" + nested(60) + b"\xa0"
    contents["shared lists in a tag"] = b"\xd9\x12\x34" + nested(60)
    twice = (b"h" + bytes([level]) + b"h" + bytes([level]) + b"\x86\x94" for level in range(60))
    contents["pickled shared tuples"] = b"\x80\x04)\x94" + b"".join(twice) + b"."
    contents["huge event number"] = MESSAGE + b"\x82\xc2" + cbor2.dumps(b"\xff" * 100_000) + b"\xa0"
    contents["a list that holds itself"] = b"\xd8\x1c\x81\xd8\x1d\x00"
    contents["frames that hold themselves"] = (
        MESSAGE + b"\x82\x00\xa1\x61a" + STREAM + b"\x82\x61x\xd8\x1c\x81\xd8\x1d\x00"
    )
    contents["pickled place in the memo"] = b"\x80\x04Nr\xff\xff\xff\x1f."
    contents["pickled bytearray of 2**31"] = b"\x80\x05\x96" + (2**31).to_bytes(8, "little") + b"123"
    contents["pickled bytes of 2**40"] = b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"123"
    return contents


def test_what_claims_or_becomes_too_much_is_refused(tmp_path):
    contents = hostile()
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    # of its own process, so that a crash or a hang is one failed test
    run = subprocess.run(
        [sys.executable, "-c", READ_ALL, tmp_path], capture_output=True, text=True, timeout=120, check=True
    )
    *ends, (peak, _) = [line.rsplit(maxsplit=1) for line in run.stdout.splitlines()]
    assert dict(ends) == dict.fromkeys(contents, "NotACaptureError")
    assert int(peak) < 300_000

"""What is no message of a protocol, sent in mid scan: counted, told, and nothing else is lost; memory stays bounded."""

from __future__ import annotations

import json
import os
import pickle
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cbor2
import httpx
import pytest
from tests.core.sources.live import running
from tests.free_ports import free_url
from tests.system.ensemble import PATIENCE, Ensemble

from dranspose.dataplane.statistics import IngesterStatistics
from dranspose.simulate import albaem, contrast, eiger_legacy, lecroy, pcap, positioncap, sardana, stream2, xspress3
from dranspose.simulate.player import play
from dranspose.simulate.stins import StinsDetector, encoder, plan
from dranspose.triggermap import TriggerMap

STREAM = "detector"
IMAGES = 6
BOMB = 3
"""The image in the place of which a small message comes that would be large, or would run code, were it believed."""

TIMES = 50
"""That each hostile message is sent."""

MOST_MEMORY = 600 * 2**20  # bytes

HUGE = [2**20, 2**20]
HUGE_BLOB = struct.pack(">QI", 2**42, 2**30) + bytes(20)


class Evil:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


EVIL = pickle.dumps({"status": "running", "dt": Evil()})


def encoded(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def cbor_image(data: object) -> list[bytes]:
    return [
        cbor2.dumps(
            {"type": "image", "series_id": 1, "series_unique_id": "simulated-1", "image_id": BOMB, "data": data}
        )
    ]


class Protocol(NamedTuple):
    messages: Sequence[Sequence[bytes]]
    hostile: Sequence[Sequence[bytes]]
    bomb: Sequence[bytes] | None = None
    way: str = "push"
    first_image: int = 1
    """Its index in the messages."""
    of_each: int = 1
    """Messages of an image."""


STINS = StinsDetector(images=IMAGES, shape=(4, 4))
NONSENSE = [[b""], [b"\x00 nonsense"], [b"{}"], [b"[" * 100_000], [b"{}"] * 2000]
HUGE_IMAGE = {"htype": "image", "frame": BOMB, "shape": HUGE, "type": "uint32", "compression": "bslz4"}

PROTOCOLS = {
    "stins": Protocol(
        [*map(encoder(STINS), plan(STINS))],
        [
            *NONSENSE,
            [encoded(htype="image", msg_number=1, frame=0)],
            [encoded(htype="image", msg_number=2**64, frame=0), b""],
            [encoded(htype=["image"], msg_number=1)],
        ],
        [encoded(**HUGE_IMAGE, msg_number=BOMB + 1), HUGE_BLOB],
    ),
    "contrast": Protocol(
        [*contrast.messages(IMAGES)],
        [*NONSENSE, [EVIL], [pickle.dumps({"status": "running"})[:-1]], [b"\x80\x04N" + b"r\xff\xff\xff\x7f."]],
        way="publish",
        first_image=2,
    ),
    "xspress3": Protocol(
        [*xspress3.messages(IMAGES, 1)],
        [*NONSENSE, [encoded(htype="image", frame=-1), b"", b""]],
        [encoded(**HUGE_IMAGE), HUGE_BLOB, EVIL],
        way="publish",
    ),
    "pcap": Protocol(
        [*pcap.messages(IMAGES, 1)],
        [
            *NONSENSE,
            [encoded(message_type="data", frame_number=0, message_id=2, version=1, energy=[1.0, 2.0], x=[1.0])],
            [encoded(message_type="data", frame_number="0", message_id=2, version=1, energy=[1.0])],
        ],
        way="publish",
    ),
    "positioncap": Protocol(
        [[text] for text in positioncap.arm(IMAGES)],
        [[b"\xff\xfe\x00 nonsense\n"], [b"ERR No such option\n"], [b"x" * 10_000 + b"\n"]],
        way="tcp",
        first_image=0,
    ),
    "eiger-legacy": Protocol(
        [*eiger_legacy.messages(IMAGES, (4, 4))],
        [*NONSENSE, [encoded(htype="dimage-1.0", series=1, frame=0)], [encoded(htype="dheader-1.0", series="1")]],
        [
            encoded(htype="dimage-1.0", series=1, frame=BOMB, hash=""),
            encoded(htype="dimage_d-1.0", encoding="bs32-lz4<", size=len(HUGE_BLOB), shape=HUGE, type="uint32"),
            HUGE_BLOB,
            encoded(htype="dconfig-1.0"),
        ],
    ),
    "stream2": Protocol(
        [*stream2.messages(IMAGES, (4, 4))],
        [
            *NONSENSE,
            [cbor2.dumps({"type": "image"})],
            [stream2_start := next(stream2.messages(1))[0], b""],
            [stream2_start[:20]],
            [b"\x9b" + b"\xff" * 8],
            [b"\xd9\xd9\xf7\xbb" + b"\x7f" * 8],
        ],
        cbor_image(
            {"threshold_1": cbor2.CBORTag(40, [HUGE, cbor2.CBORTag(70, cbor2.CBORTag(56500, ["bslz4", 4, HUGE_BLOB]))])}
        ),
    ),
    "lecroy": Protocol(
        [*lecroy.messages(IMAGES, (1,), 5, triggers=1)],
        [
            *NONSENSE,
            [encoded(htype="msg", what=9)],
            [encoded(htype="traces", ch=1, ts=0.0, frame=0, shape=HUGE, dtype="float64"), b""],
        ],
        way="publish",
        of_each=3,
    ),
    "albaem": Protocol(
        [*albaem.messages(IMAGES)],
        [*NONSENSE, [encoded(message_type="data", message_id=5)], [encoded(message_type=["data"])]],
        way="publish",
    ),
    "sardana": Protocol(
        [[json.dumps(record).encode()] for record in sardana.records(IMAGES)],
        [[b""], [b"\x00 nonsense"], [b"{}"], [b"[" * 100_000], [b'{"type": 5}']],
        way="http",
    ),
}


def among(protocol: Protocol) -> Iterator[Sequence[bytes]]:
    """Yield the messages of a series, the hostile ones before the first image and the bomb in the place of another."""
    bomb_at = protocol.first_image + BOMB * protocol.of_each
    for index, message in enumerate(protocol.messages):
        if index == protocol.first_image:
            for _ in range(TIMES):
                yield from protocol.hostile
        yield protocol.bomb if protocol.bomb and index == bomb_at else message


@contextmanager
def detector(protocol: Protocol) -> Iterator[str]:
    """Be a detector that sends when it is connected to; yield where. Records for a URL are to be posted by the test."""
    if protocol.way == "http":
        yield free_url().replace("tcp", "http")
        return
    tcp, publish = protocol.way == "tcp", protocol.way == "publish"
    url = "tcp://127.0.0.1:0" if tcp else "tcp://127.0.0.1:*"
    with running(
        lambda stop, bound: play(among(protocol), url, stop, publish=publish, tcp=tcp, bound=bound)
    ) as bound_to:
        yield bound_to


def post(records: Iterable[Sequence[bytes]], url: str) -> None:
    with httpx.Client(timeout=PATIENCE) as client:
        for [record] in records:
            client.post(f"{url}/v1/record_data", content=record)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    analysis = "tests.system.recalling:RecallingWorker", "tests.system.recalling:RecallingReducer"
    with Ensemble(tmp_path_factory.mktemp("scan"), *analysis) as ensemble:
        ensemble.start_reducer()
        ensemble.start_worker("worker")
        yield ensemble


def skipped(statistics: Any) -> int:
    return statistics.counts.skipped if isinstance(statistics, IngesterStatistics) else 0


@pytest.mark.parametrize("name", PROTOCOLS)
def test_hostile_messages_among_sound_ones(name: str, ensemble: Ensemble, capfd: pytest.CaptureFixture[str]) -> None:
    protocol = PROTOCOLS[name]
    expected = TIMES * len(protocol.hostile)
    with detector(protocol) as url:
        ensemble.start_ingester(name, {STREAM: url}, protocols={STREAM: name})
        ensemble.wait_for(ingesters=1, workers=1)
        scan = ensemble.controller.arm(TriggerMap.from_json({"uniform": {"streams": [STREAM], "events": IMAGES}}))
        if protocol.way == "http":
            ensemble.controller.wait_until(lambda status: status.phase.name == "RUNNING", PATIENCE)
            post(among(protocol), url)
        status = ensemble.wait_for_end(scan)
        ensemble.controller.wait_until(
            lambda status: expected == sum(map(skipped, status.statistics.values())), PATIENCE
        )
    memory = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{ensemble.processes[name].pid}/status").read_text())
    ensemble.end(name)
    ensemble.wait_for(ingesters=0, workers=1)

    assert status.failed == ""
    assert (status.report.completed, status.report.failed) == (IMAGES + 2, 0)
    found = pickle.loads((ensemble.folder / "events.pickle").read_bytes())
    malformed = [event for event, streams in found.items() if "malformed" in streams[STREAM]]
    assert malformed == ([BOMB + 1] if protocol.bomb else [])
    assert not (ensemble.folder / "ran").exists()
    assert memory
    assert 1024 * int(memory[1]) < MOST_MEMORY
    log = capfd.readouterr().err
    first_bytes = re.escape(repr(b"".join(protocol.hostile[0])[:32].rstrip(b"\n")))
    assert re.search(
        rf"stream '{STREAM}' from {url}: skipped a message \(1 so far\), which begins with {first_bytes}: \w+", log
    )

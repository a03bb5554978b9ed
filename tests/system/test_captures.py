"""The captures of real detectors, played on real sockets, come through a live scan to the last value."""

from __future__ import annotations

import pickle
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.core.sources.live import sending
from tests.system.ensemble import Ensemble

from dranspose.simulate.player import messages
from dranspose.triggermap import TriggerMap

WORKER, REDUCER = "tests.system.recalling:RecallingWorker", "tests.system.recalling:RecallingReducer"


class Played(NamedTuple):
    source: str
    file: str
    frames: int
    """Without start and end."""
    publish: bool = True


CAPTURES = {
    "xrd": Played("stins", "dump_xrd.cbors", 9, publish=False),
    "albaem": Played("albaem", "albaem-dump.cbors", 4),
    "contrast": Played("contrast", "contrast-dump.cbors", 20),
    "eiger": Played("eiger-legacy", "eiger-small.cbors", 3, publish=False),
    "pcap": Played("pcap", "pcap-zmq.cbors", 1500),
    "xspress3": Played("xspress3", "xspress3-dump.cbors", 20),
    "scope": Played("lecroy", "maui-02-continuous-3.cbor.gz", 2),
}
EVENTS = max(played.frames for played in CAPTURES.values())


def trigger_map() -> TriggerMap:
    """Return a map in which each stream has as many frames as its capture, the pcap stream one in each event."""
    everywhere = EVENTS // np.array([played.frames for played in CAPTURES.values()])
    return TriggerMap.from_json(
        {
            stream: [
                [{"constraint": event}] if event % every == 0 and event // every < played.frames else None
                for event in range(EVENTS)
            ]
            for (stream, played), every in zip(CAPTURES.items(), everywhere.tolist(), strict=True)
        }
    )


@pytest.fixture(scope="module")
def events(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """Play all captures into one scan; return what the parsers made of it, by event and stream."""
    folder = tmp_path_factory.mktemp("scan")
    with (
        ExitStack() as detectors,
        Ensemble(folder, WORKER, REDUCER) as ensemble,
        socket.create_server(("127.0.0.1", 0)) as bystander,
    ):
        ensemble.start_reducer()
        ensemble.start_worker("worker")
        urls = {
            stream: detectors.enter_context(sending(messages(captures / played.file), publish=played.publish))
            for stream, played in CAPTURES.items()
        }
        protocols = {stream: played.source for stream, played in CAPTURES.items()} | {"bystander": "positioncap"}
        not_in_the_map = {"bystander": f"tcp://127.0.0.1:{bystander.getsockname()[1]}"}
        ensemble.start_ingester("ingester", urls | not_in_the_map, protocols=protocols)
        ensemble.wait_for(ingesters=1, workers=1)
        status = ensemble.run_scan(trigger_map())
        bystander.setblocking(False)
        with pytest.raises(BlockingIOError):
            bystander.accept()
    assert status.failed == ""
    assert status.report is not None
    assert (status.report.completed, status.report.failed) == (EVENTS + 2, 0)
    return pickle.loads((folder / "events.pickle").read_bytes())


def frames(events: dict[int, Any], stream: str) -> list[dict[str, Any]]:
    """Return the messages of a stream in order: start, frames, end."""
    found = [events[event][stream] for event in sorted(events) if stream in events[event]]
    assert len(found) == CAPTURES[stream].frames + 2
    return found


def test_frames_are_joined_by_the_trigger_map(events: dict[int, Any]) -> None:
    assert set(events[0]) == set(events[EVENTS + 1]) == set(CAPTURES)
    needed = trigger_map()
    assert all(set(events[event]) == set(needed.needs(event)) for event in range(EVENTS + 2))


def test_stins(events: dict[int, Any]) -> None:
    start, *images, end = frames(events, "xrd")
    assert (start["filename"], end["htype"]) == ("output/xrd.h5", "series_end")
    assert [image["frame"] for image in images] == list(range(9))
    assert {(image["data"].shape, image["data"].dtype.name) for image in images} == {((10, 10), "uint16")}
    assert [image["data"][:2, 8:].mean() for image in images] == [
        9.25,
        11.25,
        11.75,
        4.25,
        2.25,
        3.0,
        4.75,
        7.75,
        10.75,
    ]
    assert [float(round(image["data"][:3, 7:].mean(), 4)) for image in images] == [
        8.8889, 8.6667, 8.1111, 6.0, 6.6667, 8.2222, 10.6667, 12.4444, 14.3333,
    ]  # fmt: skip


def test_albaem(events: dict[int, Any]) -> None:
    start, *data, end = frames(events, "albaem")
    assert (start["class"], end["class"], end["message_id"]) == ("AlbaemStart", "AlbaemEnd", 6)
    assert [one["frame_number"] for one in data] == [0, 1, 2, 3]
    assert [data[i]["timestamp"] for i in (0, -1)] == [7.72645192, 20.66757192]
    assert [data[i]["acquisition_timestamp"] for i in (0, -1)] == [1704807770443944912, 1704807783385064912]
    assert (data[0]["channel1"], data[-1]["channel4"]) == (-2.8302592615927417e-11, 4.76837158203125e-10)


def test_contrast(events: dict[int, Any]) -> None:
    started, *running, finished = frames(events, "contrast")
    assert (started["class"], finished["class"]) == ("ContrastStarted", "ContrastFinished")
    assert started["description"] == finished["description"] == "mesh sx -2 2 3 sy -2 2 4 0.1"
    assert [running[i]["dt"] for i in (0, -1)] == [2.410903215408325, 9.71180534362793]
    assert [running[i]["sx"] for i in (0, -1)] == [-2.000431059888797, 1.9993820199451875]
    for point, trigger in ((running[0], 0.105702288), (running[-1], 0.105824744)):
        np.testing.assert_array_equal(point["panda0"]["PCAP.TS_TRIG_Value"], np.array([trigger]), strict=True)


def test_eiger(events: dict[int, Any]) -> None:
    header, *images, end = frames(events, "eiger")
    assert (header["series"], header["info"]["description"], end["series"]) == (6, "Dectris EIGER2 CdTe 9M", 6)
    assert [image["hash"] for image in images] == [
        "59bb3a04cd9d59d54e283c465036085c",
        "815e4907ce3482ec3cc4d33a1145cd44",
        "25c4ffc0f9e65563dbe499d89f545214",
    ]
    assert {(*image["data"]["shape"], image["data"]["type"], image["data"]["encoding"]) for image in images} == {
        (3108, 3262, "uint32", "bs32-lz4<")
    }
    assert [image["data"]["size"] for image in images] == [755083, 754672, 755895]
    assert [image["config"]["start_time"] for image in images] == [103597359252740, 103597369252740, 103597379252740]
    assert ["malformed" in image for image in images] == [True] * 3  # their blobs were cut off


def test_pcap(events: dict[int, Any]) -> None:
    start, *points, end = frames(events, "pcap")
    assert (start["arm_time"], end["class"]) == ("2024-10-07T08:49:10.627Z", "PCAPEnd")
    assert [point["triggernumber"] for point in points] == list(range(1, 1501))
    assert [point["frame_number"] for point in points] == list(range(1500))
    assert [points[i]["energy"] for i in (0, -1)] == [8879.101048716273, 9178.90056771702]
    assert [points[i]["inttime"] for i in (0, -1)] == [7.1160000000000005, 6.5178]


def test_xspress3(events: dict[int, Any]) -> None:
    start, *images, end = frames(events, "xspress3")
    assert start["filename"].endswith("/raw/dummy/scan_000002_xspress3.hdf5")
    assert end["class"] == "XspressEnd"
    assert [image["frame"] for image in images] == list(range(20))
    assert {(image["data"].shape, image["data"].dtype.name) for image in images} == {((4, 4096), "uint32")}
    assert sum(int(image["data"].sum()) for image in images) == 47
    assert images[-1]["data"].sum(axis=1).tolist() == [0, 1, 0, 2]
    assert images[0]["meta"]["AllEvents"].tolist() == [2, 0, 0, 3]


def test_lecroy(events: dict[int, Any]) -> None:
    prepare, first, second, end = frames(events, "scope")
    assert (prepare["class"], end["class"], end["frames"]) == ("LecroyPrepare", "LecroyEnd", 4)
    for parsed, time, firsts, lasts in (
        (
            first,
            1740563664.870739,
            [-0.00458128725313145, 0.005284421413307427],
            [0.00039550681321998127, 0.0024374988861382008],
        ),
        (
            second,
            1740563664.335,
            [0.0066137528210674645, 0.009769038504600758],
            [0.004031972234770365, 0.001180663522973191],
        ),
    ):
        assert (parsed["channels"], parsed["timestamps"]) == ([2, 4], [[time], [time]])
        assert [(data.shape, data.dtype.name) for data in parsed["data"]] == [((1, 8002), "float64")] * 2
        assert [data[0, 0] for data in parsed["data"]] == firsts
        assert [data[0, -1] for data in parsed["data"]] == lasts

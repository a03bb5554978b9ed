"""An ingester records what it forwards, and has its sources wait for the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.core.dataplane.peers import SCAN
from tests.core.dataplane.test_ingester import BOTH, EIGER, MAP, PCAP, FakeSource, Stage, data, packet, share

from dranspose.capture import CaptureReader
from dranspose.dataplane.messages import NO_SCAN, Disarm, IngesterHello, Parameters
from dranspose.dataplane.recording import capture_of
from dranspose.dataplane.statistics import RecordingState
from dranspose.parameter_file import ParameterHistory, read_parameter_file
from dranspose.scheduling.instructions import Bind, Broadcast, EndAt, Hold, Release, UseParameters
from dranspose.scheduling.stimuli import Held, Missing
from dranspose.triggermap import TriggerMap

VALUES = {"till_x": b"3", "poni": b"Detector: x"}
NAME = f"area_det_1-{SCAN.hex()}"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def recording(stack: ExitStack, target: object, *sources: FakeSource, **options: int) -> Stage:
    stage = Stage(stack, *sources, capture=str(target), **options)
    stage.controller.say(Parameters(0, typed(VALUES)), NO_SCAN)
    return stage


def typed(values: dict[str, bytes]) -> dict[str, tuple[str, bytes]]:
    return {name: ("str", data) for name, data in values.items()}


def events(path: Path) -> list[tuple[int, list[str]]]:
    found = list(CaptureReader(path))
    for message in found:
        assert all(stream == data(message.event_number) for stream in message.streams.values())
        assert message.created_at is not None
    return [(message.event_number, sorted(message.streams)) for message in found]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/data/all.cbors", "/data/all.cbors"),
        ("/data/", "/data/a_b-0102.cbors"),
        ("/data/run.cbors.", "/data/run.cbors.a_b-0102.cbors"),
        ("run-", "run-a_b-0102.cbors"),
    ],
)
def test_a_target_is_a_file_or_the_prefix_of_one(target: str, path: str) -> None:
    assert capture_of(target, "a/b", b"\1\2") == Path(path)


def test_what_is_forwarded_is_recorded(stack: ExitStack, tmp_path: Path) -> None:
    eiger, pcap = FakeSource(EIGER), FakeSource(PCAP)
    stage = recording(stack, f"{tmp_path}/run-", eiger, pcap)
    stage.arm(BOTH)
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)), Bind(0, 5, "ann"), Broadcast(7, ("ann",)))
    eiger.send(*map(packet, (0, 1, 2, 4, 5, 6, 7)))
    pcap.send(*(packet(number, PCAP) for number in range(8)))
    ann.gets_of_all(16)
    stage.say(Disarm())
    stage.end()
    path = tmp_path / f"run-{NAME}.cbors"
    both = ["eiger", "pcap"]
    assert events(path) == [(0, both), (1, both), (2, both), (3, ["pcap"]), *((event, both) for event in (4, 5, 6, 7))]
    status = stage.ingester.recording
    assert (status.state, status.path, status.events, status.lost) == (RecordingState.DONE, str(path), 8, 0)
    written = json.loads((tmp_path / f"run-{NAME}-map.json").read_text())
    assert TriggerMap.from_json(written, wrap=False).to_message() == BOTH.to_message()
    assert read_parameter_file(tmp_path / f"run-{NAME}-parameters.json") == ParameterHistory(VALUES)


def test_changes_of_parameters_are_recorded(stack: ExitStack, tmp_path: Path) -> None:
    source = FakeSource(EIGER)
    stage = recording(stack, tmp_path / "all.cbors", source)
    stage.arm()
    for version, event, till_x in ((1, 3, b"4"), (2, 3, b"5"), (3, 6, b"\xff")):
        stage.controller.say(Parameters(version, typed({"till_x": till_x})), NO_SCAN)
        stage.say(Hold(version))
        stage.controller.hear(Held)
        stage.say(UseParameters(version, event))
    stage.say(Hold(4))
    stage.controller.hear(Held)
    stage.end()
    history = read_parameter_file(tmp_path / f"all-{SCAN.hex()}-parameters.cbor")
    assert history == ParameterHistory(VALUES, {3: {"till_x": b"5"}, 6: {"till_x": b"\xff"}})


def test_the_target_may_change_between_scans(stack: ExitStack, tmp_path: Path) -> None:
    source = FakeSource(EIGER)
    stage = recording(stack, tmp_path / "a.cbors", source)
    for worker, target in zip(("ann", "bob", "cid", "dan"), ("a.cbors", "a.cbors", "b.cbors", ""), strict=True):
        stage.ingester.capture = str(tmp_path / target) if target else ""
        stage.arm()
        receiver = stage.worker(worker)
        stage.say(Broadcast(0, (worker,)))
        source.send(packet(0))
        assert receiver.gets(1) == [share(0)]
        stage.say(Disarm())
    stage.end()
    assert events(tmp_path / "a.cbors") == [(0, ["eiger"]), (0, ["eiger"])]
    assert events(tmp_path / "b.cbors") == [(0, ["eiger"])]
    assert stage.ingester.recording.state is RecordingState.OFF


def test_what_a_stop_cuts_off_is_not_recorded(stack: ExitStack, tmp_path: Path) -> None:
    source = FakeSource(EIGER)
    stage = recording(stack, tmp_path / "a.cbors", source)
    stage.arm()
    ann = stage.worker("ann", window=2)
    stage.say(Bind(0, 5, "ann"))
    source.send(*map(packet, (0, 1, 2, 3, 4)))
    assert ann.gets(2) == [share(1), share(2)]
    stage.say(Hold(1))
    assert stage.controller.hear(Held).next_event == 3
    stage.say(EndAt(3))
    assert stage.controller.hear(Missing).events == ((7, 7),)
    stage.end()
    assert events(tmp_path / "a.cbors") == [(event, ["eiger"]) for event in (0, 1, 2)]


def test_of_a_scan_that_is_given_up_all_is_recorded(stack: ExitStack, tmp_path: Path) -> None:
    source = FakeSource(EIGER)
    stage = recording(stack, tmp_path / "a.cbors", source)
    stage.arm()
    source.send(*map(packet, (0, 1, 2)))
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)))
    assert ann.gets(1) == [share(0)]
    stage.end()
    assert events(tmp_path / "a.cbors") == [(event, ["eiger"]) for event in (0, 1, 2)]


def test_a_scan_goes_on_without_a_folder(stack: ExitStack, tmp_path: Path) -> None:
    source = FakeSource(EIGER)
    stage = recording(stack, tmp_path / "gone" / "a.cbors", source)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)), Bind(0, 5, "ann"))
    source.send(*map(packet, range(7)))
    assert ann.gets(7) == [share(event) for event in range(7)]
    stage.end()
    status = stage.ingester.recording
    assert (status.state, status.events, status.lost) == (RecordingState.FAILED, 0, 7)
    assert "No such file or directory" in status.error


def test_the_controller_is_told_how_the_recording_stands(stack: ExitStack, tmp_path: Path) -> None:
    stage = recording(stack, tmp_path / "gone" / "a.cbors", FakeSource(EIGER))
    stage.arm()
    told = stage.controller.hear_statistics(lambda statistics: bool(statistics.recording.error))
    assert (told.recording.state, told.recording.path) == (RecordingState.FAILED, str(tmp_path / "gone" / "a.cbors"))


def test_a_scan_is_not_recorded_without_its_parameters(stack: ExitStack, tmp_path: Path) -> None:
    stage = Stage(stack, FakeSource(EIGER), capture=str(tmp_path / "a.cbors"))
    assert stage.arm(version=3) == "area/det/1 has not got version 3 of the parameters, and cannot record them"


def test_sources_wait_for_a_slow_disk(stack: ExitStack, tmp_path: Path) -> None:
    pipe, copy = tmp_path / "a.cbors", tmp_path / "copy.cbors"
    os.mkfifo(pipe)
    source = FakeSource(EIGER)
    stage = recording(stack, pipe, source, backlog_bytes=1)
    stage.arm()
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)), Bind(0, 5, "ann"))
    source.send(packet(0))
    assert ann.gets(1) == [share(0)]
    stage.settle()
    source.send(packet(1))
    stage.settle()
    stage.settle()  # the turn in which it could have been read is over
    assert stage.ingester.counts.packets == 1
    with pipe.open("rb") as disk:
        assert ann.gets(1) == [share(1)]
        stage.ingester.stop()
        copy.write_bytes(disk.read())
    assert events(copy) == [(0, ["eiger"]), (1, ["eiger"])]


def test_a_stream_that_is_far_behind_holds_up_the_others(stack: ExitStack, tmp_path: Path) -> None:
    trigger_map = TriggerMap.from_json({"uniform": {"streams": {"eiger": 1, "pcap": 6}, "events": 6}})
    eiger, pcap = FakeSource(EIGER), FakeSource(PCAP)
    stage = recording(stack, tmp_path / "a.cbors", eiger, pcap, keep_bytes=1500)
    stage.arm(trigger_map)
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)), Bind(0, 5, "ann"))
    eiger.send(packet(0))
    pcap.send(packet(0, PCAP))
    ann.gets_of_all(2)
    stage.say(Release(((0, 0),)))
    eiger.send(packet(1), packet(2), packet(3))
    assert ann.gets_of_all(3)
    stage.say(Release(((2, 3),)))
    stage.settle()
    eiger.send(packet(4))
    stage.settle()
    stage.settle()  # the turn in which it could have been read is over
    assert stage.ingester.counts.packets == 5  # though only one frame is kept for workers
    pcap.send(packet(1, PCAP))
    assert {stream: shares[0].event for stream, shares in ann.gets_of_all(2).items()} == {EIGER: 4, PCAP: 1}
    stage.end()
    assert [event for event, _ in events(tmp_path / "a.cbors")] == [0, 1, 2, 3, 4]


def test_the_parameters_of_a_controller_that_is_gone_are_forgotten(stack: ExitStack, tmp_path: Path) -> None:
    stage = recording(stack, tmp_path / "a.cbors", FakeSource(EIGER))
    assert stage.arm() == ""
    stage.controller.restart()
    stage.controller.hear(IngesterHello, NO_SCAN)
    stage.controller.say(Parameters(0, typed({"sample": b"gold"})), NO_SCAN)
    assert stage.arm() == ""
    stage.end()
    assert read_parameter_file(tmp_path / f"a-{SCAN.hex()}-parameters.json") == ParameterHistory({"sample": b"gold"})


def test_nothing_is_recorded_unless_it_is_wanted(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = FakeSource(EIGER)
    stage = Stage(stack, source)
    stage.arm(MAP)
    ann = stage.worker("ann")
    stage.say(Broadcast(0, ("ann",)))
    source.send(packet(0))
    assert ann.gets(1) == [share(0)]
    stage.end()
    assert list(tmp_path.iterdir()) == []
    assert stage.ingester.recording.state is RecordingState.OFF

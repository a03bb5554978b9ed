"""What becomes of a scan when something dies, stops or goes wrong: judged by what the reducer counted."""

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from tests.free_ports import free_url
from tests.system.ensemble import PATIENCE, Ensemble

from dranspose.dataplane.controller import Status
from dranspose.simulate.stins import Faults, StinsDetector
from dranspose.triggermap import TriggerMap

URL = free_url()
EVENTS = 2000
DETECTOR = StinsDetector(images=EVENTS, shape=(8, 8))


def uniform(batch: int = 1) -> TriggerMap:
    return TriggerMap.from_json({"uniform": {"streams": ["xrd"], "events": EVENTS, "batch": batch}})


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Callable[..., Ensemble]]:
    """Return what starts an ensemble with the counting analysis."""
    running: list[Ensemble] = []

    def start(workers: int = 3, worker: str = "CountingWorker", **values: object) -> Ensemble:
        given = {name: str(value).encode() for name, value in values.items()}
        ensemble = Ensemble(
            tmp_path, f"tests.system.counting:{worker}", "tests.system.counting:CountingReducer", given
        ).__enter__()
        running.append(ensemble)
        ensemble.start_reducer()
        ensemble.start_ingester("ingester", {"xrd": URL})
        for number in range(workers):
            ensemble.start_worker(f"worker-{number}")
        ensemble.wait_for(ingesters=1, workers=workers)
        return ensemble

    yield start
    for ensemble in running:
        ensemble.__exit__(None, None, None)


def counted(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def assert_each_event_once(folder: Path, status: Status, *, but: frozenset[int] = frozenset()) -> dict[str, Any]:
    assert status.failed == "", status
    results = counted(folder)
    assert results["times"] == {str(event): 1 for event in range(1, EVENTS + 1) if event not in but}
    assert all(images == {"xrd": (int(event) - 1) % 127} for event, images in results["images"].items())
    return results


def completed(events: int) -> Callable[[Status], bool]:
    return lambda status: status.report is not None and status.report.completed >= events


def test_a_quiet_scan(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting()
    ensemble.start_detector(DETECTOR, URL)
    status = ensemble.run_scan(uniform(batch=10))
    assert_each_event_once(tmp_path, status)
    assert status.report.lost_workers == ()


def test_the_statistics_of_a_scan_add_up(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2, seconds=0.001)
    dropped, doubled = frozenset({7, 500}), frozenset({20, 21, 22})
    faults = Faults(drop=dropped, duplicate=doubled)
    ensemble.start_detector(StinsDetector(images=EVENTS, shape=(8, 8), faults=faults), URL)
    scan = ensemble.controller.arm(uniform())

    def counts(status: Status, identities: tuple[str, ...]) -> list[Any]:
        return [status.statistics[node].counts for node in identities if status.statistics[node].scan == scan]

    busy = ensemble.controller.wait_until(
        lambda s: any(s.statistics[worker].time.processing > 0.3 for worker in s.workers if worker in s.statistics),
        PATIENCE,
    )
    for worker in busy.workers:
        assert sum(astuple(busy.statistics[worker].time)) == pytest.approx(1)
    ensemble.wait_for_end(scan)
    images, headers_and_ends = EVENTS - len(dropped), 2 * 2  # to both workers
    status = ensemble.controller.wait_until(
        lambda s: (
            sum(worker.processed for worker in counts(s, s.workers)) >= images + headers_and_ends
            and all(reducer.results >= images for reducer in counts(s, s.reducers))
            and all(ingester.forwarded >= images + headers_and_ends for ingester in counts(s, s.ingesters))
        ),
        PATIENCE,
    )
    (ingester,), workers, (reducer,) = (
        counts(status, nodes) for nodes in (status.ingesters, status.workers, status.reducers)
    )
    packets = images + len(doubled) + 2
    (matched,) = (status.statistics[node].streams["xrd"] for node in status.ingesters)
    assert (matched.received, matched.delivered, matched.missing, matched.duplicate) == (packets, images + 2, 2, 3)
    assert (ingester.packets, ingester.missing, ingester.forwarded) == (packets, 2, images + headers_and_ends)
    assert sum(worker.processed for worker in workers) == images + headers_and_ends
    assert sum(worker.results for worker in workers) == reducer.results == images
    assert sum(worker.sent_bytes for worker in workers) == reducer.received_bytes > 0
    assert sum(worker.received_bytes for worker in workers) == ingester.forwarded_bytes > ingester.bytes > 0


@pytest.mark.parametrize("killed", [1, 2])
@pytest.mark.parametrize("batch", [1, 10])
def test_workers_are_killed(counting: Callable[..., Ensemble], tmp_path: Path, killed: int, batch: int) -> None:
    ensemble = counting(workers=3, seconds=0.001)
    ensemble.start_detector(DETECTOR, URL)
    scan = ensemble.controller.arm(uniform(batch))
    ensemble.controller.wait_until(completed(EVENTS // 10), PATIENCE)
    for number in range(killed):
        ensemble.kill(f"worker-{number}")
    status = ensemble.wait_for_end(scan)
    assert_each_event_once(tmp_path, status)
    assert len(status.report.lost_workers) == killed


def test_a_worker_is_stopped_and_goes_on(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2, seconds=0.001)
    ensemble.start_detector(DETECTOR, URL)
    scan = ensemble.controller.arm(uniform())
    ensemble.controller.wait_until(completed(EVENTS // 10), PATIENCE)
    stopped = ensemble.processes["worker-0"]
    os.kill(stopped.pid, signal.SIGSTOP)
    ensemble.controller.wait_until(lambda status: bool(status.report and status.report.lost_workers), PATIENCE)
    os.kill(stopped.pid, signal.SIGCONT)
    ensemble.wait_for(ingesters=1, workers=2)
    assert_each_event_once(tmp_path, ensemble.wait_for_end(scan))


def test_the_controller_is_restarted_in_a_scan(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2, seconds=0.001)
    ensemble.start_detector(DETECTOR, URL)
    ensemble.controller.arm(uniform())
    before = ensemble.controller.wait_until(completed(EVENTS // 10), PATIENCE)
    ensemble.restart_controller()
    after = ensemble.wait_for(ingesters=1, workers=2)
    assert after.parameters == before.parameters
    assert not {*before.ingesters, *before.workers, *before.reducers} & {
        *after.ingesters,
        *after.workers,
        *after.reducers,
    }
    ensemble.start_detector(DETECTOR, URL)
    assert_each_event_once(tmp_path, ensemble.run_scan(uniform()))


def test_a_worker_joins(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=1, seconds=0.002)
    ensemble.start_detector(DETECTOR, URL)
    scan = ensemble.controller.arm(uniform())
    ensemble.controller.wait_until(completed(EVENTS // 20), PATIENCE)
    ensemble.start_worker("late")
    results = assert_each_event_once(tmp_path, ensemble.wait_for_end(scan))
    assert results["workers"]["late"] > EVENTS // 10


def test_a_worker_is_restarted_under_its_name(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2, seconds=0.001)
    ensemble.start_detector(DETECTOR, URL)
    scan = ensemble.controller.arm(uniform())
    ensemble.controller.wait_until(completed(EVENTS // 10), PATIENCE)
    ensemble.kill("worker-0")
    ensemble.start_worker("worker-0")
    assert_each_event_once(tmp_path, ensemble.wait_for_end(scan))


def test_a_deadly_event_is_set_aside(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=4, deadly=500)
    ensemble.start_detector(DETECTOR, URL)
    status = ensemble.run_scan(uniform())
    assert_each_event_once(tmp_path, status, but=frozenset({500}))
    assert status.report.poisoned == ((500, 500),)
    assert len(status.report.lost_workers) == 2


def test_the_memory_of_a_killed_worker_is_told(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2, worker="SummingWorker", seconds=0.001)
    ensemble.start_detector(DETECTOR, URL)
    scan = ensemble.controller.arm(uniform())
    ensemble.controller.wait_until(completed(EVENTS // 10), PATIENCE)
    ensemble.kill("worker-0")
    status = ensemble.wait_for_end(scan)
    assert status.failed == ""
    lost = {event for first, last in status.report.state_lost for event in range(first, last + 1)}
    assert lost
    times = counted(tmp_path)["times"]
    assert set(times.values()) == {1}
    assert {int(event) for event in times} | (lost - {0}) == set(range(1, EVENTS + 1))


@pytest.mark.parametrize("node", ["reducer", "ingester"])
def test_the_reducer_or_an_ingester_is_killed(counting: Callable[..., Ensemble], node: str) -> None:
    ensemble = counting(workers=2, seconds=0.001)
    ensemble.start_detector(DETECTOR, URL)
    scan = ensemble.controller.arm(uniform())
    ensemble.controller.wait_until(completed(EVENTS // 10), PATIENCE)
    ensemble.kill(node)
    status = ensemble.wait_for_end(scan)
    assert node in status.failed
    assert status.report.incomplete


def test_lost_frames_shift_nothing(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2)
    dropped = frozenset({0, 7, 500, EVENTS - 1})
    ensemble.start_detector(StinsDetector(images=EVENTS, shape=(8, 8), faults=Faults(drop=dropped)), URL)
    status = ensemble.run_scan(uniform())
    assert_each_event_once(tmp_path, status, but=frozenset(image + 1 for image in dropped))
    assert status.report.missing == len(dropped)


def test_parameters_change_at_one_event(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=3, seconds=0.001)
    ensemble.start_detector(DETECTOR, URL)
    scan = ensemble.controller.arm(uniform())
    ensemble.controller.wait_until(completed(EVENTS // 10), PATIENCE)
    ensemble.controller.set_parameter("seconds", b"0.0005")
    results = assert_each_event_once(tmp_path, ensemble.wait_for_end(scan))
    hashes = [results["hashes"][str(event)] for event in range(1, EVENTS + 1)]
    changes = [event for event in range(1, EVENTS) if hashes[event] != hashes[event - 1]]
    assert len(changes) == 1


def test_one_worker_gets_a_tick_though_the_first_to_get_it_is_killed(
    counting: Callable[..., Ensemble], tmp_path: Path
) -> None:
    ensemble = counting(workers=3, worker="TickingWorker")
    ensemble.start_detector(DETECTOR, URL)
    status = ensemble.run_scan(uniform())
    assert_each_event_once(tmp_path, status)
    assert len(status.report.lost_workers) == 1
    assert len((tmp_path / "ticks").read_text().split()) == 1


def test_one_virtual_worker_holds_every_event(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2)
    ensemble.start_detector(DETECTOR, URL)
    results = assert_each_event_once(tmp_path, ensemble.run_scan(uniform(batch=EVENTS)))
    assert len(results["workers"]) == 1


def test_scans_follow_each_other(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2)
    for _ in range(5):
        ensemble.start_detector(DETECTOR, URL)
        assert_each_event_once(tmp_path, ensemble.run_scan(uniform(batch=10)))


def test_user_code_that_holds_the_lock_is_not_taken_for_dead(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2, greedy=EVENTS // 2)
    ensemble.start_detector(DETECTOR, URL)
    status = ensemble.run_scan(uniform())
    assert_each_event_once(tmp_path, status)
    assert status.report.lost_workers == ()


def test_a_slow_reducer_loses_nothing(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2, reducing=0.002)
    ensemble.start_detector(DETECTOR, URL)
    assert_each_event_once(tmp_path, ensemble.run_scan(uniform()))


def test_a_slow_worker_does_not_hold_up_the_other(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2, seconds=0.002, slow="worker-0")
    ensemble.start_detector(DETECTOR, URL)
    results = assert_each_event_once(tmp_path, ensemble.run_scan(uniform()))
    assert results["workers"]["worker-0"] < EVENTS // 20


def test_a_detector_that_stops_and_a_scan_that_is_stopped(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    ensemble = counting(workers=2)
    sent = EVENTS // 4
    faults = Faults(end_after=sent, no_end=True)
    ensemble.start_detector(StinsDetector(images=EVENTS, shape=(8, 8), faults=faults), URL)
    scan = ensemble.controller.arm(uniform())
    ensemble.controller.wait_until(completed(sent), PATIENCE)
    ensemble.controller.stop_scan()
    status = ensemble.wait_for_end(scan)
    assert_each_event_once(tmp_path, status, but=frozenset(range(sent + 1, EVENTS + 1)))
    ensemble.start_detector(DETECTOR, URL)
    assert_each_event_once(tmp_path, ensemble.run_scan(uniform()))


def test_a_hundred_scans_with_random_kills(counting: Callable[..., Ensemble], tmp_path: Path) -> None:
    chance = random.Random(1)
    ensemble = counting(workers=3)
    for number in range(100):
        ensemble.start_detector(DETECTOR, URL)
        scan = ensemble.controller.arm(uniform(batch=chance.choice([1, 7, 50])))
        if chance.random() < 0.3:
            ensemble.controller.wait_until(completed(chance.randrange(EVENTS)), PATIENCE)
            killed = chance.choice([name for name in ensemble.processes if name.startswith("worker")])
            ensemble.kill(killed)
            del ensemble.processes[killed]
            ensemble.start_worker(f"worker-{3 + number}")
        assert_each_event_once(tmp_path, ensemble.wait_for_end(scan))
        ensemble.wait_for(ingesters=1, workers=3)

"""What ingesters record in a scan gives the same results when it is replayed."""

import threading
from pathlib import Path

import h5py
import numpy as np
from tests.free_ports import free_url
from tests.system.ensemble import PATIENCE, Ensemble

from dranspose.parameter_file import read_parameter_file
from dranspose.replay import replay
from dranspose.simulate.outlet import Outlet
from dranspose.simulate.stins import StinsDetector, encoder, plan
from dranspose.triggermap import TriggerMap

IMAGES = 24
CLASSES = "s12_poni.worker:TestWorker", "s12_poni.reducer:TestReducer"
PROCESSED = Path("output", "xrd_processed.h5")
STREAMS = {"xrd": free_url(), "extra": free_url()}


def datasets() -> dict[str, np.ndarray]:
    with h5py.File(PROCESSED) as file:
        return {name: file[name][()] for name in file}


def test_a_replay_of_a_recorded_scan_gives_the_same_results(tutorial: Path, tmp_path: Path) -> None:
    values = {"poni": Path("geometry.poni").read_bytes(), "till_x": b"3", "from_y": b"7"}
    detector = StinsDetector(images=IMAGES, shape=(10, 10), filename="output/xrd.h5")
    messages = [encoder(detector)(step) for step in plan(detector)]
    with (
        Ensemble(tutorial, *CLASSES, values) as ensemble,
        Outlet(STREAMS["xrd"], threading.Event()) as xrd,
        Outlet(STREAMS["extra"], threading.Event()) as extra,
    ):
        ensemble.start_reducer()
        for name in ("worker-1", "worker-2"):
            ensemble.start_worker(name)
        for stream, url in STREAMS.items():
            ensemble.start_ingester(f"ingester/{stream}", {stream: url}, capture=f"{tmp_path}/scan-")
        ensemble.wait_for(ingesters=2, workers=2)
        scan = ensemble.controller.arm(TriggerMap.from_json({"uniform": {"streams": list(STREAMS), "events": IMAGES}}))
        for index, message in enumerate(messages):
            if index == IMAGES // 2:
                ensemble.controller.wait_until(
                    lambda status: status.report is not None and status.report.completed == IMAGES // 2, PATIENCE
                )
                ensemble.controller.set_parameter("till_x", b"5")
            assert xrd.send(message)
            assert extra.send(message)
        status = ensemble.wait_for_end(scan)
        for stream in STREAMS:
            ensemble.end(f"ingester/{stream}")
    assert status.report is not None
    assert (status.failed, status.report.completed, status.report.failed) == ("", IMAGES + 2, 0), status
    live = datasets()
    PROCESSED.unlink()

    histories = []
    captures = [tmp_path / f"scan-ingester_{stream}-{scan.hex()}.cbors" for stream in STREAMS]
    for capture in captures:
        parameters = capture.with_name(f"{capture.stem}-parameters.json")
        histories.append(read_parameter_file(parameters))
        tally = replay(*CLASSES, captures, parameter_file=parameters)
        assert (tally.events, tally.results, tally.failures) == (IMAGES + 2, IMAGES + 2, 0)
        replayed = datasets()
        PROCESSED.unlink()
        assert live.keys() == replayed.keys()
        for name, expected in live.items():
            np.testing.assert_array_equal(replayed[name], expected, err_msg=name)
    assert histories[0] == histories[1]
    assert histories[0].values == values
    ((event, changed),) = histories[0].changes.items()
    assert changed == {"till_x": b"5"}
    assert event >= IMAGES // 2

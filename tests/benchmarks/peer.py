"""Another dranspose, one with redis and REST, from its own virtual environment, driven as the live pipeline is."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.free_ports import free_url
from tests.system.ensemble import start_detector

from dranspose.simulate.stins import StinsDetector

API = "http://127.0.0.1:5000/api/v1/"  # it has no other port
REDIS_PORT = "6399"
PATIENCE = 120.0  # seconds


def scan(venv: Path, detector: StinsDetector, workers: int, batch: int) -> float:
    """Return the seconds from the start of a detector to the last event."""
    with _ensemble(venv, workers, "analysis:MeanWorker", "analysis:SumReducer") as (url, _):
        return _run(detector, url, batch)


def latency(venv: Path, detector: StinsDetector, workers: int) -> tuple[float, float]:
    """Return the median and the 99th percentile of the latency in ms."""
    with _ensemble(venv, workers, "analysis:SentWorker", "analysis:LatencyReducer") as (url, folder):
        _run(detector, url, batch=1)
        written = folder / "latency.json"
        _wait(written.exists)
        median, worst = json.loads(written.read_text())
        return median, worst


def _run(detector: StinsDetector, url: str, batch: int) -> float:
    parts = {"main": {"det": [[{"constraint": number // batch}] for number in range(detector.images)]}}
    body = json.dumps({"parts": parts, "sequence": ["main"]}).encode()
    request = urllib.request.Request(API + "sequence", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=PATIENCE).read()
    process = start_detector(detector, url)
    begin = time.monotonic()
    try:
        _wait(lambda: (progress := _get("progress"))["completed_events"] >= progress["total_events"])
        return time.monotonic() - begin
    finally:
        process.kill()
        process.join()


@contextmanager
def _ensemble(venv: Path, workers: int, worker: str, reducer: str) -> Iterator[tuple[str, Path]]:
    """Start all of it, one process each; yield where its detector is to bind, and the folder that they run in."""
    url = free_url()
    command = str(venv / "bin" / "dranspose")
    commands = [
        ["redis-server", "--port", REDIS_PORT, "--save", "", "--appendonly", "no"],
        [command, "controller", "--host", "127.0.0.1"],
        [command, "reducer", "-c", reducer, "--host", "127.0.0.1", "-p", "5001"],
        [command, "ingester", "-c", "ZmqPullSingleIngester", "-u", url, "-n", "det"],
        *([command, "worker", "-n", f"w{number}", "-c", worker] for number in range(workers)),
    ]
    environment = os.environ | {
        "REDIS_URL": f"redis://127.0.0.1:{REDIS_PORT}/0",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(Path(__file__).parent),
        "BUILD_META_FILE": os.devnull,
    }
    with tempfile.TemporaryDirectory() as folder:
        running = [
            subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for command in commands
        ]
        try:
            _wait(lambda: _is_there(workers))
            yield url, Path(folder)
        finally:
            for process in reversed(running):
                process.kill()
            for process in running:
                process.wait()


def _is_there(workers: int) -> bool:
    nodes = _get("config")
    there = nodes["workers"]
    return bool(
        nodes["ingesters"]
        and nodes["reducer"]
        and len(there) == workers
        and all(worker["ingesters"] for worker in there)
    )


def _get(path: str) -> Any:
    return json.load(urllib.request.urlopen(API + path, timeout=PATIENCE))


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError, KeyError):  # it is not there yet
            if condition():
                return
        time.sleep(0.05)
    raise SystemExit(f"the other dranspose did not do it within {PATIENCE:g} s")

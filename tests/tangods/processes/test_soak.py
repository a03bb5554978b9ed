"""Many scans of one ensemble, and many ensembles, while clients read all there is: nothing is left over.

`make soak` runs them in full.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import tango
from tango import DevState
from tests.tangods.processes.conftest import Folder, Start

from dranspose_tango.ensemble_file import read_ensemble
from dranspose_tango.launch import launched
from dranspose_tango.testing.processes import LiveEnsemble

SCANS = int(os.environ.get("DRANSPOSE_SOAK_SCANS") or 10)
STARTS = int(os.environ.get("DRANSPOSE_SOAK_STARTS") or 2)
READ_INTERVAL = 0.01  # seconds
EVENTS = 20
FEW = 3
SHORT = {"streams": ["xrd"], "scan": {"nb_points": EVENTS}}


@contextmanager
def clients_reading(live: LiveEnsemble) -> Iterator[None]:
    """Read every attribute of every device 100 times a second, or as often as it can be, with a client for each."""
    over = threading.Event()

    def read(device: tango.DeviceProxy) -> int:
        attributes = list(device.get_attribute_list())
        rounds = 0
        while not over.wait(READ_INTERVAL):
            read = device.read_attributes(attributes)
            wrong = [each.name for each in read if each.has_failed]
            assert not wrong
            rounds += 1
        return rounds

    with ThreadPoolExecutor(len(live.members)) as pool:
        reading = [pool.submit(read, live.device(member)) for member in live.members]
        try:
            yield
        finally:
            over.set()
        assert all(each.result() for each in reading)


def held(pid: int) -> dict[str, int]:
    """Return how many threads and file descriptors, sockets among them, a process has."""
    return {what: len(list(Path(f"/proc/{pid}/{what}").iterdir())) for what in ("task", "fd")}


def test_scans_leave_nothing_behind(start: Start, folder: Folder) -> None:
    live = start()
    pids = {member: live.pid(member) for member in live.members}
    with clients_reading(live):
        for _ in range(FEW):
            live.run(SHORT)
        before = {member: held(pid) for member, pid in pids.items()}
        for _ in range(SCANS):
            live.run(SHORT)
            assert live.controller.State() is DevState.STANDBY
            assert live.controller.completedEvents == EVENTS + 2
            assert {result["event"] for result in folder.results()} == set(range(EVENTS + 2))
        after = {member: held(pid) for member, pid in pids.items()}
    for member, its in after.items():
        for what, count in its.items():
            assert count <= before[member][what] + FEW, (member, what, before[member], its)


def test_ensembles_leave_nothing_behind(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    state = folder.path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    before: list[object] = []
    for _ in range(STARTS):
        with launched(read_ensemble(folder.description), None) as launch:
            while not launch.is_ready:
                launch.attend(READ_INTERVAL)
            pids = [launch.pid(device.name) for device in launch.ensemble.devices]
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        left = [sorted(state.rglob("*")), {thread.name for thread in threading.enumerate()}, children()]
        before = before or left
        assert left == before


def children() -> list[str]:
    """Return the ids of this process's children."""
    return [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]

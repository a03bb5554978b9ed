"""The servers on the C++ database with MariaDB, run by Starter, as at a facility."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import h5py
import numpy as np
import pytest
import tango
from tests.facility.cpp_tango import CppTango, cpp_tango, wait_until
from tests.free_ports import free_url

from dranspose.replay import replay
from dranspose.simulate.player import messages, play
from dranspose_tango import cli
from dranspose_tango.ensemble import Ensemble
from dranspose_tango.ensemble_file import read_ensemble
from dranspose_tango.remote import RemoteController, RemoteError

EXECUTABLES = Path(sys.executable).parent


@pytest.fixture(scope="session")
def packages(pytestconfig: pytest.Config) -> Path:
    """Return the folder of Debian's packages, kept for the next time."""
    folder = pytestconfig.cache.mkdir("debian")
    if not (folder / "unpacked").exists():
        if not (shutil.which("apt-get") and shutil.which("dpkg")):
            pytest.skip("Debian's packages cannot be unpacked without apt-get and dpkg")
        unpacked = subprocess.run(
            [Path(__file__).with_name("unpack_tango.sh"), folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if unpacked.returncode:
            pytest.skip(f"Debian's packages cannot be had: {unpacked.stdout.decode().strip()}")
    return folder / "root"


@pytest.fixture(scope="module")
def facility(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CppTango]:
    with cpp_tango(packages, tmp_path_factory.mktemp("facility"), EXECUTABLES) as facility:
        yield facility


@pytest.fixture
def ensemble_file(tmp_path: Path, project: Path) -> Path:
    """Return the tutorial's ensemble in a copy of its folder, with ports that are free."""
    for part in ("ensembles", "tutorial"):
        ignore = shutil.ignore_patterns("output", "__pycache__")
        shutil.copytree(project / "resources" / part, tmp_path / part, ignore=ignore)
    file = tmp_path / "ensembles/tutorial.toml"
    file.write_text(file.read_text().replace("tcp://127.0.0.1:9999", free_url()).replace("http = 5001", ""))
    return file


class Starter:
    """Starter's device, with the servers of an ensemble; a context, after which none of them runs."""

    def __init__(self, facility: CppTango, ensemble: Ensemble) -> None:
        self._device = tango.DeviceProxy(facility.starter)
        self.servers = [f"{device.server}/{device.instance}" for device in ensemble.devices]

    def start(self) -> None:
        for server in self.servers:
            self._device.DevStart(server)

    def update(self) -> None:
        """Let Starter look for servers that are new in the database; it takes its time, and not more often."""
        self._device.UpdateServersInfo()

    def running(self) -> list[str]:
        """Return which of the servers run, as Starter has seen it last."""
        return [server for server in self._device.DevGetRunningServers(True) if server in self.servers]

    def stop(self) -> None:
        for server in self.servers:
            self._device.DevStop(server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for server in self.servers:
            with suppress(tango.DevFailed):
                tango.DeviceProxy(f"dserver/{server}").command_inout("Kill")


@pytest.fixture
def starter(facility: CppTango, ensemble_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Starter]:
    monkeypatch.setenv("TANGO_HOST", facility.tango_host)
    with Starter(facility, read_ensemble(ensemble_file)) as starter:
        yield starter


@pytest.fixture
def detector(ensemble_file: Path) -> Iterator[None]:
    """Send the tutorial's capture as soon as an ingester connects."""
    stop = threading.Event()
    (ingester,) = read_ensemble(ensemble_file).ingesters
    ((url,),) = ingester.urls.values()
    to_send = messages(ensemble_file.parents[1] / "tutorial/data/dump_xrd.cbors")
    thread = threading.Thread(target=play, args=(to_send, url, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def datasets(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: dataset[()] for name, dataset in file.items()}


def knows(controller: str, nodes: set[str]) -> bool:
    try:
        return nodes <= RemoteController(controller).nodes()
    except RemoteError:
        return False


@pytest.mark.usefixtures("detector")
def test_the_tutorial_is_registered_and_run_by_starter(
    starter: Starter, ensemble_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dranspose(*arguments: str) -> str:
        assert cli.main(arguments) == 0
        return capsys.readouterr().out

    assert "+ tutorial/dranspose/reducer (DransposeReducer/tutorial)" in dranspose("register", str(ensemble_file))
    assert dranspose("register", str(ensemble_file)) == "0 changes written\n"

    starter.start()
    ensemble = read_ensemble(ensemble_file)
    nodes = {device.name for device in ensemble.devices[1:]}
    wait_until(lambda: knows(ensemble.controller_name, nodes))
    starter.update()
    wait_until(lambda: sorted(starter.running()) == sorted(starter.servers))

    controller = ("--controller", ensemble.controller_name)
    monkeypatch.chdir(ensemble.folder)
    for name, value in (("till_x", "3"), ("from_y", "7"), ("poni", "@geometry.poni")):
        dranspose("parameters", "set", name, value, *controller)
    assert "11 of 11 events" in dranspose("arm", "--events", "9", "--wait", *controller)
    results = ensemble.folder / "output/xrd_processed.h5"
    live = datasets(results)
    results.unlink()
    replay(
        *("s12_poni.worker:TestWorker", "s12_poni.reducer:TestReducer"),
        ["data/dump_xrd.cbors"],
        parameter_file="s12_poni/parameters.json",
    )
    replayed = datasets(results)
    assert live.keys() == replayed.keys()
    for name, value in replayed.items():
        np.testing.assert_array_equal(live[name], value, err_msg=name)

    starter.stop()
    wait_until(lambda: not starter.running())
    assert not knows(ensemble.controller_name, set())

"""Workers on a host of their own, which is cut off in mid-scan: every event is reduced once all the same."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from tests.facility.cpp_tango import wait_until
from tests.facility.second_host import NoSecondHostError, SecondHost, second_host
from tests.free_ports import free_url
from tests.system import counting
from tests.system.ensemble import start_detector

from dranspose.simulate.stins import StinsDetector
from dranspose_tango.database import connect, executable, start_embedded
from dranspose_tango.ensemble import Ensemble
from dranspose_tango.ensemble_file import read_ensemble
from dranspose_tango.registration import differences
from dranspose_tango.remote import RemoteController, RemoteError
from dranspose_tango.supervision import Program, Supervisor

EVENTS = 3000
ENSEMBLE = """
    name = "hosts"
    [controller]
    interface = "{here}"
    [[ingester]]
    streams = ["xrd"]
    source = "stins"
    url = "{url}"
    interface = "{here}"
    [worker]
    class = "counting:CountingWorker"
    count = 3
    [reducer]
    class = "counting:CountingReducer"
    interface = "{here}"
"""
NEAR, FAR = ("worker-1",), ("worker-2", "worker-3")


@pytest.fixture(scope="module")
def host() -> Iterator[SecondHost]:
    try:
        with second_host() as host:
            yield host
    except NoSecondHostError as reason:
        pytest.skip(f"there is no second host: {reason}")


class Servers:
    """The servers of an ensemble on two hosts."""

    def __init__(self, ensemble: Ensemble, supervisor: Supervisor, host: SecondHost, logs: Path) -> None:
        self._supervisor = supervisor
        self._host = host
        self._logs = logs
        self._devices = {device.member: device for device in ensemble.devices}
        tango_host = start_embedded(supervisor, logs, host.here)
        for change in list(differences(connect(tango_host), ensemble)):
            change.apply(connect(tango_host))
        self._environment = {"TANGO_HOST": tango_host}
        self._controller = f"tango://{tango_host}/{ensemble.controller_name}"

    def start(self, *members: str) -> None:
        """Start the servers of these devices; those of `FAR` on the other host."""
        self._supervisor.start(self._program(member) for member in members)

    def _program(self, member: str) -> Program:
        device = self._devices[member]
        address = self._host.there if member in FAR else self._host.here
        command = (executable(device.server), device.instance, "-ORBendPoint", f"giop:tcp:{address}:0")
        if member in FAR:
            command = self._host.command(*command)
        return Program(member, command, self._logs / f"{member}.log", self._logs, self._environment)

    def controller(self) -> RemoteController:
        return RemoteController(self._controller)

    def wait_for_workers(self, *members: str) -> None:
        """Wait until the controller has these workers and no others, and a reducer and an ingester."""
        expected = {self._devices[member].name for member in ("ingester-xrd", "reducer", *members)}

        def are_there() -> bool:
            try:
                return self.controller().nodes() == expected
            except RemoteError:
                return False

        wait_until(are_there)


@pytest.fixture
def servers(tmp_path: Path, host: SecondHost) -> Iterator[Servers]:
    """Return the servers, those of the controller, the ingester and the reducer started."""
    shutil.copy(counting.__file__, tmp_path)
    (tmp_path / "ensemble.toml").write_text(dedent(ENSEMBLE).format(here=host.here, url=free_url()))
    host.connect()
    with Supervisor() as supervisor:
        servers = Servers(read_ensemble(tmp_path / "ensemble.toml"), supervisor, host, tmp_path)
        servers.start("controller", "ingester-xrd", "reducer")
        yield servers


@pytest.fixture
def detector(servers: Servers, tmp_path: Path) -> Iterator[None]:
    """Send `EVENTS` images as soon as a scan begins."""
    ((url,),) = read_ensemble(tmp_path / "ensemble.toml").ingesters[0].urls.values()
    process = start_detector(StinsDetector(images=EVENTS, shape=(8, 8)), url)
    yield
    process.kill()
    process.join()


def begin(servers: Servers) -> RemoteController:
    """Arm a scan of slow events, and return when a tenth of it is done."""
    controller = servers.controller()
    wait_until(lambda: "seconds" in controller.parameters())  # as attributes they come a moment after the nodes
    controller.write_parameter(controller.parameter("seconds"), b"0.002")
    controller.arm(json.dumps({"streams": ["xrd"], "scan": {"nb_points": EVENTS}}))
    wait_until(lambda: controller.progress().completed > EVENTS // 10)
    return controller


def assert_each_event_once(controller: RemoteController, folder: Path) -> Counter[str]:
    """Wait for the end of the scan, and return how many results came from which worker."""
    wait_until(lambda: controller.progress().is_over)
    assert controller.progress().went_well, controller.progress()
    results = json.loads((folder / "results.json").read_text())
    assert results["times"] == {str(event): 1 for event in range(1, EVENTS + 1)}
    return Counter({name.rpartition("/")[2]: count for name, count in results["workers"].items()})


@pytest.mark.usefixtures("detector")
def test_a_host_of_workers_is_cut_off_and_comes_back(servers: Servers, host: SecondHost, tmp_path: Path) -> None:
    servers.start(*NEAR, *FAR)
    servers.wait_for_workers(*NEAR, *FAR)
    controller = begin(servers)
    host.cut_off()
    servers.wait_for_workers(*NEAR)
    results = assert_each_event_once(controller, tmp_path)
    assert set(results) == {*NEAR, *FAR}
    assert controller.device.redispatchedEvents > 0
    host.connect()
    servers.wait_for_workers(*NEAR, *FAR)


@pytest.mark.usefixtures("detector")
def test_the_only_workers_are_cut_off_and_go_on(servers: Servers, host: SecondHost, tmp_path: Path) -> None:
    servers.start(*FAR)
    servers.wait_for_workers(*FAR)
    controller = begin(servers)
    host.cut_off()
    servers.wait_for_workers()
    assert not controller.progress().is_over
    host.connect()
    results = assert_each_event_once(controller, tmp_path)
    assert set(results) == {*FAR}

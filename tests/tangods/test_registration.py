"""An ensemble in a real Tango database: written once, and after that only what differs."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import tango

from dranspose_tango.database import DATABASE, DatabaseError, connect, start_embedded
from dranspose_tango.ensemble import Ensemble, Ingester, Reducer, Workers
from dranspose_tango.registration import differences, to_dsconfig
from dranspose_tango.supervision import Supervisor

ENSEMBLE = Ensemble(
    name="Tutorial",
    folder=Path("/analysis"),
    ingesters=(Ingester(name="xrd", source="stins", urls={"xrd": ("tcp://a:1", "tcp://b:2")}),),
    workers=(Workers(analysis="src.worker:TestWorker", count=2),),
    reducer=Reducer(analysis="src.reducer:TestReducer", http=5001),
    parameters={},
)
TIMEOUT = 60  # seconds; only a test that fails ever waits for so long


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as supervisor:
        yield supervisor


@pytest.fixture(scope="module")
def tango_host(supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> str:
    return start_embedded(supervisor, tmp_path_factory.mktemp("database"))


@pytest.fixture
def database(tango_host: str) -> Iterator[tango.Database]:
    database = connect(tango_host)
    yield database
    for name in database.get_device_member("Tutorial/dranspose/*"):
        database.delete_device(f"Tutorial/dranspose/{name}")


def write(database: tango.Database, ensemble: Ensemble) -> list[str]:
    changes = list(differences(database, ensemble))
    for change in changes:
        change.apply(database)
    return [str(change) for change in changes]


def test_an_ensemble_is_written_once(database: tango.Database) -> None:
    assert write(database, ENSEMBLE) == [
        "+ Tutorial/dranspose/controller (DransposeController/Tutorial)",
        "+ Tutorial/dranspose/ingester-xrd (DransposeIngester/Tutorial-xrd)",
        "~ Tutorial/dranspose/ingester-xrd Controller: default -> Tutorial/dranspose/controller",
        "~ Tutorial/dranspose/ingester-xrd Source: default -> stins",
        "~ Tutorial/dranspose/ingester-xrd Streams: default -> xrd",
        "~ Tutorial/dranspose/ingester-xrd Urls: default -> xrd=tcp://a:1, xrd=tcp://b:2",
        "+ Tutorial/dranspose/worker-1 (DransposeWorker/Tutorial-1)",
        "~ Tutorial/dranspose/worker-1 Controller: default -> Tutorial/dranspose/controller",
        "~ Tutorial/dranspose/worker-1 AnalysisPath: default -> /analysis",
        "~ Tutorial/dranspose/worker-1 AnalysisClass: default -> src.worker:TestWorker",
        "+ Tutorial/dranspose/worker-2 (DransposeWorker/Tutorial-2)",
        "~ Tutorial/dranspose/worker-2 Controller: default -> Tutorial/dranspose/controller",
        "~ Tutorial/dranspose/worker-2 AnalysisPath: default -> /analysis",
        "~ Tutorial/dranspose/worker-2 AnalysisClass: default -> src.worker:TestWorker",
        "+ Tutorial/dranspose/reducer (DransposeReducer/Tutorial)",
        "~ Tutorial/dranspose/reducer Controller: default -> Tutorial/dranspose/controller",
        "~ Tutorial/dranspose/reducer AnalysisPath: default -> /analysis",
        "~ Tutorial/dranspose/reducer AnalysisClass: default -> src.reducer:TestReducer",
        "~ Tutorial/dranspose/reducer HttpPort: default -> 5001",
    ]
    assert write(database, ENSEMBLE) == []
    for device in ENSEMBLE.devices:
        info = database.get_device_info(device.name)
        assert (info.class_name, info.ds_full_name) == (device.server, f"{device.server}/{device.instance}")
        assert {
            key: tuple(values)
            for key, values in database.get_device_property(device.name, list(device.properties)).items()
        } == device.properties


def test_a_changed_ensemble_changes_only_that(database: tango.Database) -> None:
    write(database, ENSEMBLE)
    database.put_device_property("Tutorial/dranspose/worker-1", {"logging_level": ["DEBUG"]})
    (workers,) = ENSEMBLE.workers
    changed = dataclasses.replace(
        ENSEMBLE,
        workers=(dataclasses.replace(workers, count=1, tags=("fast", "generic")),),
        reducer=dataclasses.replace(ENSEMBLE.reducer, http=None),
    )
    assert write(database, changed) == [
        "- tutorial/dranspose/worker-2",
        "~ Tutorial/dranspose/worker-1 Tags: default -> fast, generic",
        "~ Tutorial/dranspose/reducer HttpPort: 5001 -> default",
    ]
    assert write(database, changed) == []
    kept = database.get_device_property("Tutorial/dranspose/worker-1", "logging_level")
    assert list(kept["logging_level"]) == ["DEBUG"]


def test_a_device_of_another_server_is_moved(database: tango.Database) -> None:
    write(database, ENSEMBLE)
    info = tango.DbDevInfo()
    info.name, info._class, info.server = "Tutorial/dranspose/worker-1", "Other", "Other/one"
    database.add_device(info)
    assert write(database, ENSEMBLE) == ["+ Tutorial/dranspose/worker-1 (DransposeWorker/Tutorial-1)"]
    assert write(database, ENSEMBLE) == []


def test_dsconfig_has_the_same_devices() -> None:
    servers = to_dsconfig(ENSEMBLE)["servers"]
    found = [
        (server, instance, kind, name, {key: tuple(values) for key, values in device.get("properties", {}).items()})
        for server, instances in servers.items()
        for instance, kinds in instances.items()
        for kind, devices in kinds.items()
        for name, device in devices.items()
    ]
    assert found == [
        (device.server, device.instance, device.server, device.name, device.properties) for device in ENSEMBLE.devices
    ]


def test_a_database_that_was_killed_is_back_where_it_was(supervisor: Supervisor, tango_host: str) -> None:
    write(connect(tango_host), ENSEMBLE)
    os.kill(supervisor.pid(DATABASE), signal.SIGKILL)
    supervisor.attend(TIMEOUT)
    while True:
        try:
            database = connect(tango_host)
        except DatabaseError:
            supervisor.attend(0.05)
        else:
            break
    assert supervisor.restarts(DATABASE) >= 1
    assert write(database, ENSEMBLE) == []


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ("127.0.0.1:1", "no Tango database answers at 127.0.0.1:1"),
        ("", "TANGO_HOST is not set: it must be host:port"),
        ("localhost", "TANGO_HOST is 'localhost': it must be host:port"),
    ],
)
def test_a_database_that_is_not_there(where: str, complaint: str) -> None:
    with pytest.raises(DatabaseError, match=complaint):
        connect(where)


def test_a_database_that_cannot_start_names_its_log(tmp_path: Path) -> None:
    (tmp_path / "tango.db").write_text("this is no database\n" * 100)
    with Supervisor() as supervisor, pytest.raises(DatabaseError, match=r"does not start; see .*database\.log"):
        start_embedded(supervisor, tmp_path)

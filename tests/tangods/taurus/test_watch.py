"""What the panel knows of an ensemble, without its widgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tango import DevState
from tests.free_ports import free_url
from tests.panel.rings import IMAGES, SATURATED, detector, images, rings, trigger_map
from tests.tangods.devices import CONTROLLER, Ensemble, wait_for_state

from dranspose_tango.remote import RemoteController
from dranspose_tango.taurus.results import Kind
from dranspose_tango.taurus.watch import View, Watch
from dranspose_tango.testing.change_events import wait_for

MEMBERS = ["controller", "ingester", "worker-1", "worker-2", "reducer"]


@pytest.fixture
def url() -> str:
    return free_url()


@pytest.fixture
def ensemble(tmp_path: Path, url: str) -> Iterator[Ensemble]:
    with pytest.MonkeyPatch.context() as patch, rings(tmp_path, url) as devices:
        patch.chdir(tmp_path)
        yield devices


@pytest.fixture
def look(ensemble: Ensemble) -> Callable[[], View]:
    """Return what looks at the ensemble."""
    return Watch(RemoteController(CONTROLLER), (), lambda view: None).look


def test_an_ensemble_without_a_database(look: Callable[[], View]) -> None:
    view = look()
    assert view.devices[0].name == CONTROLLER
    assert sorted(device.name.rpartition("/")[2] for device in view.devices) == sorted(MEMBERS)
    assert {device.state for device in view.devices} == {"STANDBY"}
    assert [each.name for each in view.parameters if each.is_binary] == ["mask"]
    assert (view.settings["threshold"], view.settings["sample"]) == (0.125, "LaB6")
    assert "mask" not in view.settings
    assert (view.results, view.errors) == ((), ())


def test_a_scan(ensemble: Ensemble, look: Callable[[], View], url: str) -> None:
    with detector(url, images()):
        ensemble.run(trigger_map())
    wait_for(ensemble.reducer, "published", lambda names: "sample" in (names or ()))
    wait_for(ensemble.reducer, "images", lambda count: count == IMAGES - 1)
    view = look()
    assert view.progress is not None
    assert (view.progress.completed, view.progress.total) == (IMAGES + 2, IMAGES + 2)
    assert {result.name: result.kind for result in view.results} == {
        "latest": Kind.IMAGE,
        "sum": Kind.IMAGE,
        "pattern_intensity": Kind.CURVE,
        "region": Kind.CURVE,
        "images": Kind.VALUE,
        "sample": Kind.VALUE,
    }
    assert view.values == {"images": IMAGES - 1, "sample": "LaB6"}
    (error,) = view.errors
    assert f"ValueError: frame {SATURATED} is saturated" in error.text
    assert "ring_worker.py" in error.text
    assert any(f"frame {SATURATED} is saturated" in line.text and " ERROR " in line.text for line in view.log)


def test_a_device_in_fault(ensemble: Ensemble, look: Callable[[], View], tmp_path: Path) -> None:
    (tmp_path / "ring_worker.py").write_text("raise OSError('no such library')")
    ensemble.workers[0].Reload()
    wait_for_state(ensemble.workers[0], DevState.FAULT)
    view = look()
    (worker,) = (device for device in view.devices if device.name.endswith("worker-1"))
    assert worker.state == "FAULT"
    assert "importing ring_worker failed" in worker.status
    assert "OSError: no such library" in view.errors[-1].text

"""The pytest plugin: what the tests of an analysis find without asking for it.

Tango and the devices are loaded by the fixtures that need them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dranspose.azint.fallback import install

if TYPE_CHECKING:
    from dranspose_tango.testing.in_process import Replay
    from dranspose_tango.testing.processes import EnsembleStarter


def pytest_configure() -> None:
    """Let ``import azint`` in an analysis find the built-in one where no azint is installed."""
    install()


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Replay]:
    """Return what plays a capture through a controller, an ingester, workers and a reducer, all in this process.

    There is neither a Tango database nor a port to be chosen. The devices are there until the end of the test, or the
    next call.
    """
    from dranspose_tango.testing.in_process import Replay

    with Replay(tmp_path / "dranspose") as replay:
        yield replay


@pytest.fixture(scope="session")
def tango_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the ``host:port`` of a Tango database on the loopback, for all tests."""
    from dranspose_tango.database import start_embedded
    from dranspose_tango.supervision import Supervisor

    with Supervisor() as supervisor:
        yield start_embedded(supervisor, tmp_path_factory.mktemp("database"))


@pytest.fixture
def ensemble(tango_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EnsembleStarter]:
    """Return what starts the ensemble that a file describes, with a process for each device.

    They use one Tango database for all tests. The ensembles are stopped at the end of the test; what they would keep in
    the user's state directory goes to ``tmp_path``.
    """
    from dranspose_tango.testing.processes import EnsembleStarter

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with EnsembleStarter(tango_database) as start:
        yield start

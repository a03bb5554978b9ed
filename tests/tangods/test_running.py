"""Which ensembles run on this machine: found while they do, and not after, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dranspose_tango.running import (
    AlreadyRunningError,
    NotRunningError,
    Running,
    all_running,
    claimed,
    state_folder,
    the_running,
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "dranspose"


def running(name: str) -> Running:
    return Running("127.0.0.1:10000", f"{name}/dranspose/controller", os.getpid())


def test_an_ensemble_is_found_while_it_runs(state: Path) -> None:
    with pytest.raises(NotRunningError, match="no ensemble runs here: start one"):
        the_running()
    with claimed("tutorial") as (folder, announce):
        assert folder == state / "tutorial"
        assert all_running() == []
        announce(running("tutorial"))
        assert the_running() == running("tutorial")
        assert the_running().controller_url == "tango://127.0.0.1:10000/tutorial/dranspose/controller"
    assert all_running() == []
    assert list(folder.iterdir()) == []


def test_one_of_several_has_to_be_named() -> None:
    with claimed("a") as (_, announce_a), claimed("b") as (_, announce_b):
        announce_a(running("a"))
        announce_b(running("b"))
        assert all_running() == [running("a"), running("b")]
        with pytest.raises(NotRunningError, match=r"several .* controllers: .*/a/dranspose/controller, .*/b/dransp"):
            the_running()


def test_an_ensemble_runs_once() -> None:
    with (
        claimed("tutorial"),
        pytest.raises(AlreadyRunningError, match="tutorial runs here already"),
        claimed("tutorial"),
    ):
        pass
    with claimed("tutorial"):
        pass


def test_what_a_killed_ensemble_left_is_stale(state: Path) -> None:
    code = """
import signal
from dranspose_tango.running import Running, claimed
with claimed("tutorial") as (_, announce):
    announce(Running("127.0.0.1:10000", "tutorial/dranspose/controller", 1))
    print("announced", flush=True)
    signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert len(all_running()) == 1
        process.send_signal(signal.SIGKILL)
    assert (state / "tutorial/running.json").exists()
    assert all_running() == []
    with claimed("tutorial") as (folder, _):
        assert list(folder.iterdir()) == []


def test_without_xdg_the_state_is_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for configured in ("", "relative/is/not/valid"):
        monkeypatch.setenv("XDG_STATE_HOME", configured)
        assert state_folder() == Path.home() / ".local/state/dranspose"

"""Programs that run together, as real processes: started again, stopped in order, and none of them left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from tests.tangods.foreign_process import wait_for_end

from dranspose_tango import supervision
from dranspose_tango.supervision import Program, Supervisor, pause_before

TIMEOUT = 60  # seconds; only a test that fails ever waits for so long

WAITS = "import signal; signal.pause()"
TELLS_ITS_END = """
    import pathlib, signal, sys
    def end(*_):
        with pathlib.Path("ends").open("a") as ends:
            print("{name}", file=ends)
        sys.exit()
    signal.signal(signal.SIGTERM, end)
    pathlib.Path("{name}").touch()
    signal.pause()
"""
IGNORES_SIGTERM = """
    import pathlib, signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path("stubborn").touch()
    signal.pause()
"""
HAS_A_CHILD = f"""
    import os, pathlib, subprocess, sys
    child = subprocess.Popen([sys.executable, "-c", {WAITS!r}])
    pathlib.Path("unfinished").write_text(str(child.pid))
    pathlib.Path("unfinished").rename("child")
    child.wait()
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Program]:
    def make(code: str, name: str = "program") -> Program:
        command = (sys.executable, "-c", dedent(code))
        return Program(name=name, command=command, log=tmp_path / f"{name}.log", folder=tmp_path, environment={})

    return make


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as supervisor:
        yield supervisor


def wait_for_file(supervisor: Supervisor, file: Path) -> None:
    while not file.exists():
        supervisor.attend(0.01)


def test_the_pause_grows_with_every_death_and_has_a_bound() -> None:
    assert [pause_before(deaths) for deaths in range(1, 9)] == [0, 1, 2, 4, 8, 16, 30, 30]
    assert pause_before(100_000) == 30


def test_a_killed_program_is_started_again(supervisor: Supervisor, program: Callable[..., Program]) -> None:
    supervisor.start([program(WAITS), program(WAITS, "other")])
    first, other = supervisor.pid("program"), supervisor.pid("other")
    os.kill(first, signal.SIGKILL)
    supervisor.attend(TIMEOUT)
    assert supervisor.restarts("program") == 1
    assert supervisor.pid("program") != first
    assert (supervisor.pid("other"), supervisor.restarts("other")) == (other, 0)


def test_a_program_that_dies_at_once_is_started_again_after_a_pause(
    supervisor: Supervisor, program: Callable[..., Program], caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.start([program("print('what is wrong', flush=True); raise SystemExit(3)")])
    while supervisor.restarts("program") < 2:
        supervisor.attend(TIMEOUT)
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "program ended with status 3; it starts again at once",
        "program ended with status 3; it starts again in 1 s",
    ]
    assert (program("").log).read_text() == "what is wrong\n" * 2


def test_the_log_tells_of_a_program_that_is_not_there(
    supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "log"
    supervisor.start([Program(name="absent", command=("/no/such/program",), log=log, folder=tmp_path, environment={})])
    supervisor.attend(TIMEOUT)
    assert log.read_text() == "/no/such/program: No such file or directory\n"
    assert "absent ended with status 1" in caplog.text


def test_what_is_started_last_is_stopped_first(program: Callable[..., Program], tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        for name in ("database", "device"):
            supervisor.start([program(TELLS_ITS_END.format(name=name), name)])
            wait_for_file(supervisor, tmp_path / name)
    assert (tmp_path / "ends").read_text().split() == ["device", "database"]


def test_a_program_that_does_not_end_is_killed(
    program: Callable[..., Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "PATIENCE", 0.05)
    with Supervisor() as supervisor:
        supervisor.start([program(IGNORES_SIGTERM)])
        wait_for_file(supervisor, tmp_path / "stubborn")
        pid = supervisor.pid("program")
    wait_for_end(pid)


def test_what_a_program_started_ends_with_it(
    supervisor: Supervisor, program: Callable[..., Program], tmp_path: Path
) -> None:
    supervisor.start([program(HAS_A_CHILD)])
    wait_for_file(supervisor, tmp_path / "child")
    child = int((tmp_path / "child").read_text())
    os.kill(supervisor.pid("program"), signal.SIGKILL)
    supervisor.attend(TIMEOUT)
    wait_for_end(child)


def test_no_process_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = f"""
        import signal, sys
        from pathlib import Path
        from dranspose_tango.supervision import Program, Supervisor
        supervisor = Supervisor()
        supervisor.start(
            Program(name=name, command=(sys.executable, "-c", {dedent(IGNORES_SIGTERM)!r}), log=Path("log"),
                    folder=Path(), environment={{}})
            for name in "ab"
        )
        while not Path("stubborn").exists():
            supervisor.attend(0.01)
        print(supervisor.pid("a"), supervisor.pid("b"), flush=True)
        signal.pause()
    """
    process = subprocess.Popen([sys.executable, "-c", dedent(code)], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.kill()
    assert len(pids) == 2
    for pid in pids:
        wait_for_end(pid)

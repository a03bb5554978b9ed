"""A whole ensemble of real processes: started, used through its commands, killed in parts and as a whole, and gone."""

from __future__ import annotations

import json
import os
import pty
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import pytest
from tests.free_ports import free_url
from tests.tangods.foreign_process import wait_for_end

from dranspose.simulate.stins import StinsDetector, simulate
from dranspose_tango import cli
from dranspose_tango.observation import Observed
from dranspose_tango.remote import RemoteController, RemoteError
from dranspose_tango.running import Running

TIMEOUT = 120  # seconds; only a test that fails ever waits for so long
DRANSPOSE = shutil.which("dranspose", path=str(Path(sys.executable).parent)) or "dranspose"
MEMBERS = ("controller", "ingester-xrd", "worker-1", "reducer")

WORKER = """
    from dranspose.data.stream1 import Stream1Data
    from dranspose.middlewares.stream1 import parse
    from dranspose.parameters import BinaryParameter, IntParameter, StrParameter

    class TestWorker:
        def __init__(self, *args, **kwargs):
            pass
        @staticmethod
        def describe_parameters():
            return [IntParameter(name="gain", default=1), BinaryParameter(name="mask"), StrParameter(name="title")]
        def process_event(self, event, parameters):
            message = parse(event.streams["xrd"])
            if isinstance(message, Stream1Data):
                return message.frame * parameters["gain"].value
"""
REDUCER = """
    import json
    from pathlib import Path

    class TestReducer:
        def __init__(self, *args, **kwargs):
            self.payloads = {}
        def process_result(self, result, parameters):
            self.payloads[result.event_number] = result.payload
        def finish(self, parameters):
            Path("results.json").write_text(json.dumps(self.payloads))
"""


class Up:
    """`dranspose up`, with what it has printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [DRANSPOSE, "up", "ensemble.toml"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, text: str) -> None:
        """Wait until a line with this text is printed."""
        while text not in (line := self._lines.get(timeout=TIMEOUT)):
            self.seen.append(line)
            assert line, f"{text!r} does not come; this came: {self.seen}"

    @property
    def running(self) -> Running:
        return Running(**json.loads((self.folder / "state/dranspose/small/running.json").read_text()))

    def servers(self) -> dict[str, int]:
        """Return the process ids of its children by the last word of their commands, PyDatabaseds' is ``2``."""
        found = {}
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            executable = next(Path(word).name for word in words if "Dranspose" in word or "PyDatabaseds" in word)
            found[executable] = int(pid)
        return found

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with an analysis and its ensemble."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TANGO_HOST", raising=False)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/worker.py").write_text(dedent(WORKER))
    (tmp_path / "src/reducer.py").write_text(dedent(REDUCER))
    (tmp_path / "mask").write_bytes(bytes(range(256)))
    url = free_url()
    (tmp_path / "url").write_text(url)
    ensemble = f"""
        name = "small"
        [[ingester]]
        streams = ["xrd"]
        source = "stins"
        url = "{url}"
        [worker]
        class = "src.worker:TestWorker"
        [reducer]
        class = "src.reducer:TestReducer"
        [parameters]
        gain = 3
        mask = {{ file = "mask" }}
    """
    (tmp_path / "ensemble.toml").write_text(dedent(ensemble))
    return tmp_path


@pytest.fixture
def up(folder: Path) -> Iterator[Callable[[], Up]]:
    """Return what starts the ensemble; whatever is left of it in the end is killed."""
    started: list[Up] = []

    def start() -> Up:
        started.append(Up(folder))
        started[-1].wait_for("ready after")
        return started[-1]

    hang_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # it may be ignored where tests run, and that is inherited
    yield start
    signal.signal(signal.SIGHUP, hang_up)
    for each in started:
        each.process.kill()
        each.process.wait()


@dataclass
class Outcome:
    """How a command ended, and what it printed."""

    status: int
    out: bytes
    complaint: str


Run: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Return what runs a command in this process, which takes a tenth of the time of one of its own."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> Outcome:
        capfdbinary.readouterr()
        try:
            status, complaint = cli.main(arguments), ""
        except SystemExit as end:
            status, complaint = 1, str(end.code)
        return Outcome(status, capfdbinary.readouterr().out, complaint)

    return run


def scan(run: Run, folder: Path, images: int) -> Outcome:
    """Run a scan with a simulated detector."""
    stop = threading.Event()
    detector = threading.Thread(
        target=simulate, args=(StinsDetector(images=images, shape=(2, 2)), (folder / "url").read_text(), stop)
    )
    detector.start()
    try:
        return run("arm", "--events", str(images), "--wait")
    finally:
        stop.set()
        detector.join()


def nodes_of(ensemble: Up) -> set[str]:
    """Return the devices that the controller deals with; none while it does not answer."""
    try:
        return RemoteController(ensemble.running.controller_url).nodes()
    except RemoteError:
        return set()


def test_a_scan_through_the_commands(folder: Path, run: Run, up: Callable[[], Up]) -> None:
    ensemble = up()
    status = run("status")
    assert status.status == 0
    for member in MEMBERS:
        assert f"small/dranspose/{member}".encode() in status.out
    assert run("parameters", "get", "mask").out == bytes(range(256))
    done = scan(run, folder, 5)
    assert done.status == 0, done
    assert b"7 of 7 events" in done.out
    assert json.loads((folder / "results.json").read_text()) == {str(1 + image): 3 * image for image in range(5)}

    assert run("parameters", "set", "gain", "10").status == 0
    assert run("parameters", "set", "title", "2θ").status == 0
    assert run("parameters", "get", "gain").out == b"10\n"
    assert run("parameters", "set", "mask", 300 * "x").status == 0  # longer than a file may be called
    assert run("parameters", "get", "mask").out == 300 * b"x"
    (folder / "other").write_bytes(b"\0other\n")
    assert run("parameters", "set", "mask", "@other").status == 0
    assert run("parameters", "get", "mask").out == b"\0other\n"
    assert b"7 bytes" in run("parameters", "list").out
    assert scan(run, folder, 2).status == 0
    assert json.loads((folder / "results.json").read_text()) == {"1": 0, "2": 10}

    (folder / "map.json").write_text('{"streams": ["xrd"], "scan": {"nb_points": 1000}}')
    armed = run("arm", "map.json", "--controller", ensemble.running.controller)
    assert armed.status == 0
    ensemble.wait_for("controller: RUNNING")
    assert run("stop", "--controller", ensemble.running.controller_url).status == 0


def test_what_cannot_be_done_is_said_in_a_sentence(folder: Path, run: Run, up: Callable[[], Up]) -> None:
    ensemble = up()
    for arguments, complaint in (
        (("up", "ensemble.toml"), "dranspose up: the ensemble small runs here already"),
        (("parameters", "set", "gain", "a lot"), "'gain' (int): 'a lot' is not int"),
        (("parameters", "get", "gian"), "the analysis has no parameter 'gian'; it has gain, mask, title"),
        (("parameters", "set", "mask", "ensemble.toml"), "'ensemble.toml' is a file: for what it contains write @ens"),
        (("parameters", "set", "mask", "@nowhere"), "No such file or directory: 'nowhere'"),
        (("arm", "ensemble.toml"), "the trigger map is no JSON"),
        (("arm", "nowhere.json"), "No such file or directory: 'nowhere.json'"),
        (("arm", "--events", "2", "--streams", "nope"), "there is no such stream"),
        (("status", "--controller", f"tango://{ensemble.running.tango_host}/a/b/c"), "database has no such device"),
        (("status", "--controller", "tango://127.0.0.1:1/a/b/c"), "no Tango database answers"),
    ):
        refused = run(*arguments)
        assert (refused.status, refused.out) == (1, b"")
        assert complaint in refused.complaint


def test_without_an_ensemble_the_commands_say_so(folder: Path, run: Run) -> None:
    for arguments in (("status",), ("stop",), ("arm", "--events", "1"), ("parameters", "list")):
        refused = run(*arguments)
        assert refused.status == 1
        assert "no ensemble runs here: start one with `dranspose up`" in refused.complaint
    (folder / "ensemble.toml").write_text("name = 1")
    refused = run("up", "ensemble.toml")
    assert refused.complaint == "dranspose up: ensemble.toml, line 1: name: must be a text, not 1"
    assert run("register", "ensemble.toml").status == 1


def test_nothing_is_left_of_an_ensemble_that_is_stopped(folder: Path, up: Callable[[], Up]) -> None:
    state = folder / "state/dranspose/small"
    files: set[str] = set()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        ensemble = up()
        servers, running = ensemble.servers(), ensemble.running
        assert set(servers) == {
            "PyDatabaseds",
            *("DransposeController", "DransposeIngester", "DransposeWorker", "DransposeReducer"),
        }
        os.killpg(ensemble.process.pid, number)  # as the terminal's Ctrl-C reaches the whole group
        assert ensemble.process.wait(TIMEOUT) == 0
        assert_nothing_is_left(folder, servers, running)
        files = files or {file.name for file in state.iterdir()}
        assert {file.name for file in state.iterdir()} == files


def test_nothing_is_left_of_an_ensemble_that_is_killed(folder: Path, run: Run, up: Callable[[], Up]) -> None:
    ensemble = up()
    servers, running = ensemble.servers(), ensemble.running
    ensemble.process.kill()
    ensemble.process.wait()
    for pid in servers.values():
        wait_for_end(pid)
    assert "no ensemble runs here" in run("status").complaint
    ensemble = up()
    assert scan(run, folder, 2).status == 0
    servers = ensemble.servers()
    ensemble.process.terminate()
    ensemble.process.wait(TIMEOUT)
    assert_nothing_is_left(folder, servers, running)


def assert_nothing_is_left(folder: Path, servers: dict[str, int], running: Running) -> None:
    for pid in servers.values():
        wait_for_end(pid)
    host, port = running.tango_host.split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    assert not (folder / "state/dranspose/small/running.json").exists()


def test_a_killed_server_comes_back_and_the_next_scan_works(folder: Path, run: Run, up: Callable[[], Up]) -> None:
    ensemble = up()
    others = {f"small/dranspose/{member}" for member in MEMBERS[1:]}
    for server, member in (
        ("DransposeWorker", "worker-1"),
        ("DransposeIngester", "ingester-xrd"),
        ("DransposeReducer", "reducer"),
        ("DransposeController", "controller"),
    ):
        os.kill(ensemble.servers()[server], signal.SIGKILL)
        ensemble.wait_for("was ended by SIGKILL; it starts again at once")
        killed = Observed(f"tango://{ensemble.running.tango_host}/small/dranspose/{member}")
        while killed.look().state != "STANDBY":
            pass
        while not others <= nodes_of(ensemble):
            pass
        done = scan(run, folder, 3)
        assert done.status == 0, (server, done)
        assert json.loads((folder / "results.json").read_text()) == {"1": 0, "2": 3, "3": 6}
        (folder / "results.json").unlink()


def test_a_class_that_cannot_be_loaded_is_shown(folder: Path, run: Run) -> None:
    (folder / "src/worker.py").write_text("import nonsense")
    ensemble = Up(folder)
    try:
        ensemble.wait_for("worker-1: FAULT: ")
        assert run("status").status == 1
        ensemble.process.terminate()
        assert ensemble.process.wait(TIMEOUT) == 0
    finally:
        ensemble.process.kill()
        ensemble.process.wait()


def test_a_terminal_gets_a_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    here, there = pty.openpty()
    process = subprocess.Popen([DRANSPOSE, "up", "ensemble.toml"], cwd=folder, stdout=there, stderr=there)
    os.close(there)
    shown = b""
    try:
        while shown.count(b"STANDBY") < len(MEMBERS) or b"restarts" not in shown:
            shown += os.read(here, 1 << 16)
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # of a terminal that nobody has open any more
            while True:
                os.read(here, 1 << 16)
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.wait()
        os.close(here)


def test_register_in_the_database_that_tango_host_names(
    folder: Path, run: Run, up: Callable[[], Up], monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = up()
    assert json.loads(run("register", "--dsconfig", "ensemble.toml").out)["servers"]
    monkeypatch.setenv("TANGO_HOST", ensemble.running.tango_host)
    assert run("register", "ensemble.toml").out == b"0 changes written\n"
    text = (folder / "ensemble.toml").read_text().replace("[worker]", "[worker]\ncount = 2")
    (folder / "ensemble.toml").write_text(text)
    dry = run("register", "-n", "ensemble.toml").out
    assert b"+ small/dranspose/worker-2" in dry
    assert dry.endswith(b"4 differences\n")
    assert run("register", "ensemble.toml").out == dry.replace(b"differences", b"changes written")
    assert run("register", "ensemble.toml").out == b"0 changes written\n"

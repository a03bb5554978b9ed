"""The analyses in `resources`: their scans as replay has them, and the commands of their READMEs."""

from __future__ import annotations

import json
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pytest
from tests.free_ports import free_ports

from dranspose.event import Frame, InternalWorkerMessage, StreamData
from dranspose.protocol import EventNumber, StreamName
from dranspose.replay import replay
from dranspose.simulate.stins import StinsDetector, encoder, plan
from dranspose.sources.catalogue import make_sources

TIMEOUT = 120  # seconds; only a test that fails ever waits for so long
DRANSPOSE = shutil.which("dranspose", path=str(Path(sys.executable).parent)) or "dranspose"


@pytest.fixture
def analyses(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a copy of the folder, which is the working directory, and from which its modules are imported."""
    folder = tmp_path / "analyses"
    shutil.copytree(project / "resources/analyses", folder, ignore=shutil.ignore_patterns("output", "__pycache__"))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:  # those of another copy are others
        if name.partition(".")[0] in ("powder", "fluorescence", "photons"):
            del sys.modules[name]


def stream(name: str, source: str, messages: Iterable[list[Frame]]) -> list[InternalWorkerMessage]:
    """Return what an ingester with a source makes of a detector's messages."""
    [reading] = make_sources(source, [name], ["tcp://127.0.0.1:1"])
    reading.begin()  # type: ignore[attr-defined]
    packets = [packet for parts in messages for packet in reading.packets_of(parts, 0)]  # type: ignore[attr-defined]
    return frames(name, [packet.data for packet in packets])


def frames(name: str, data: Iterable[StreamData]) -> list[InternalWorkerMessage]:
    return [InternalWorkerMessage(EventNumber(number), {StreamName(name): each}) for number, each in enumerate(data)]


def stins(detector: StinsDetector) -> list[list[bytes]]:
    encode = encoder(detector)
    return [encode(step) for step in plan(detector)]


def replay_streams(
    worker: str, reducer: str, streams: Iterable[list[InternalWorkerMessage]], values: Mapping[str, Any] | None = None
) -> None:
    """Replay a scan; values of parameters are text, or the path of a file."""

    class Source:
        def get_source_generators(self) -> list[Iterator[InternalWorkerMessage]]:
            return [iter(each) for each in streams]

    described = [
        {"name": name, "file": str(value)} if isinstance(value, Path) else {"name": name, "data": value}
        for name, value in (values or {}).items()
    ]
    Path("parameters.json").write_text(json.dumps(described))
    replay(worker, reducer, source=Source, parameter_file="parameters.json")


class Commands:
    """The commands that a README shows, with ports that nobody else uses."""

    def __init__(self, readme: Path, ensemble: Path, stack: ExitStack) -> None:
        self._stack = stack
        self._ports: dict[str, str] = {}
        ensemble.write_text(self._with_free_ports(ensemble.read_text()))
        found = re.findall(r"^    ((?:dranspose|python) .*)$", readme.read_text(), re.MULTILINE)
        self.commands = [shlex.split(self._with_free_ports(self._with_default_url(line))) for line in found]

    def run(self) -> None:
        """Run all of them: those of `up` and `simulate` go on while the others do."""
        for command in self.commands:
            if command[1] == "up":
                self._start(command, "ready after")
            elif command[1] == "simulate":
                self._start(command, "waiting for a receiver")
            else:
                self.complete(command)

    def again(self) -> None:
        """Run the simulators and what comes after them once more."""
        self.commands = [command for command in self.commands if command[1] != "up"]
        self.run()

    def complete(self, command: list[str]) -> None:
        done = subprocess.run(
            _here(command), capture_output=True, text=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)

    def _start(self, command: list[str], until: str) -> None:
        process = subprocess.Popen(_here(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._stack.callback(_end, process)
        assert process.stdout is not None
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        seen = []
        while until not in (line := lines.get(timeout=TIMEOUT)):
            seen.append(line)
            assert line, f"{shlex.join(command)} ended: {seen}"

    def _with_free_ports(self, text: str) -> str:
        return re.sub(r"(tcp://127\.0\.0\.1:|http = )(\d+)", lambda found: found[1] + self._free(found[2]), text)

    def _with_default_url(self, line: str) -> str:
        is_without = line.startswith("dranspose simulate") and "--bind" not in line
        return f"{line} --bind tcp://127.0.0.1:9999" if is_without else line

    def _free(self, port: str) -> str:
        if port not in self._ports:
            self._ports[port] = str(*free_ports(1))
        return self._ports[port]

    @property
    def http(self) -> str:
        """Where the results are served."""
        return f"http://127.0.0.1:{self._ports['5001']}/"


def _here(command: list[str]) -> list[str]:
    return [DRANSPOSE if command[0] == "dranspose" else sys.executable, *command[1:]]


def _read(lines: IO[str], into: queue.SimpleQueue[str]) -> None:
    with lines:
        for line in lines:
            into.put(line)
    into.put("")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(TIMEOUT)


@pytest.fixture
def readme(analyses: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Commands]]:
    """Return what gives the commands of an analysis; what they started is ended after the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TANGO_HOST", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with ExitStack() as stack:
        yield lambda name: Commands(analyses / name / "README.md", analyses / name / f"{name}.toml", stack)

"""The `dranspose` command: what it prints, how it ends, and that it can be interrupted."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import zmq
from tests.core.sources.live import STREAM, Scan
from tests.core.stins_messages import message, write_capture

from dranspose import raw_capture
from dranspose.dataplane.keys import read_keys
from dranspose.event import StreamData
from dranspose.middlewares import albaem, pcap, stream1, xspress
from dranspose.middlewares.positioncap import PositioncapParser
from dranspose.simulate.player import messages
from dranspose.sources.catalogue import make_sources
from dranspose.sources.matching import Phase
from dranspose.sources.sardana import SardanaSource
from dranspose_tango import cli

TIMEOUT = 60  # seconds; only a test that fails ever waits for so long

DRANSPOSE = shutil.which("dranspose", path=str(Path(sys.executable).parent)) or "dranspose"
CLASSES = ("-w", "src.worker:TestWorker", "-r", "src.reducer:TestReducer")

WORKER = """
    import logging
    from dranspose.middlewares.stream1 import parse as parse_stins
    from dranspose.data.stream1 import Stream1Data
    import numpy as np

    logger = logging.getLogger(__name__)

    class TestWorker:
        def __init__(self, *args, **kwargs):
            pass
        def process_event(self, event, parameters=None):
            logger.debug("event is %s", event)
            if "xrd" in event.streams:
                acq = parse_stins(event.streams["xrd"])
                logger.debug("data is %s", acq)
                if isinstance(acq, Stream1Data):
                    intensity = np.mean(acq.data[:2,8:])
                    logger.debug("intensity is %f", intensity)
                    return intensity
"""

REDUCER = """
    import logging

    logger = logging.getLogger(__name__)

    class TestReducer:
        def __init__(self, *args, **kwargs):
            self.evolution = [0]
        def process_result(self, result, parameters=None):
            logger.debug("result is %s", result)
            self.evolution.append(result.payload)
        def finish(self, parameters=None):
            logger.info("delta were %s", self.evolution)
"""

START = b'{"htype": "header", "filename": "", "msg_number": 0}'
IMAGE = (
    b'{"htype": "image", "frame": 0, "shape": [10, 10], "type": "uint16", "compression": "none", "msg_number": 1}',
    (np.arange(100, dtype=np.uint16) % 37).tobytes(),
)
END = b'{"htype": "series_end", "msg_number": 2}'


@pytest.fixture
def analysis(tmp_path: Path) -> Path:
    """Return a folder with an analysis as in the tutorial, and a capture of a start, one image and an end."""
    write(tmp_path / "src/worker.py", WORKER)
    write(tmp_path / "src/reducer.py", REDUCER)
    packets = [StreamData("STINS", frames) for frames in ([START], [*IMAGE], [END])]
    write_capture(tmp_path / "xrd.cbors", [message(number, xrd=packet) for number, packet in enumerate(packets)])
    return tmp_path


def write(path: Path, code: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(dedent(code))
    return path


def command(*arguments: str) -> list[str]:
    return [DRANSPOSE, *arguments]


def run(folder: Path, *arguments: str, log_level: str = "INFO") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env={**os.environ, "LOG_LEVEL": log_level},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def run_here(*arguments: str) -> int:
    """Run the command in this process; a usage error ends it as it would end the process."""
    try:
        return cli.main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


# --- usage


def test_the_command_alone_prints_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here() == 2
    usage = capsys.readouterr().err
    assert usage.startswith("usage: dranspose [-h] COMMAND ...\n")
    assert "start an ensemble on this machine" in usage


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([*CLASSES], "one of the arguments -f/--files -s/--source is required"),
        ([*CLASSES, "-f", "a", "-s", "b"], "argument -s/--source: not allowed with argument -f/--files"),
        (["-w", "a:B", "-f", "a"], "the following arguments are required: -r/--reducerclass"),
        ([*CLASSES, "-f", "a", "--nworkers", "0"], "argument --nworkers: '0' is no int of 1 or more"),
        ([*CLASSES, "-f", "a", "--nworkers", "two"], "argument --nworkers: 'two' is no int of 1 or more"),
        ([*CLASSES, "-f", "a", "--port", "65536"], "argument --port: '65536' is no int of 0 to 65535"),
        ([*CLASSES, "-f", "a", "--latency", "nan"], "argument --latency: 'nan' is no float of 0"),
        ([*CLASSES, "-f", "a", "--latency=-1"], "argument --latency: '-1' is no float of 0"),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here("replay", *arguments) == 2
    assert f"dranspose replay: error: {text}" in capsys.readouterr().err


def test_a_wrong_log_level_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    assert run_here("replay", *CLASSES, "-f", "a") == 2
    assert "LOG_LEVEL is LOUD: set it to one of CRITICAL, " in capsys.readouterr().err


# --- output


def test_log_lines_are_those_of_the_tutorial(analysis: Path) -> None:
    ended = run(analysis, "replay", *CLASSES, "-f", "xrd.cbors", log_level="debug")
    lines = ended.stderr.splitlines()
    xrd = f"{{'xrd': StreamData(typ='STINS', frames=[{START!r}], length=1)}}"
    assert f"DEBUG:src.worker:event is event_number=0 streams={xrd}" in lines
    xrd = f"{{'xrd': StreamData(typ='STINS', frames=[{IMAGE[0]!r}, {IMAGE[1]!r}], length=2)}}"
    assert f"DEBUG:src.worker:event is event_number=1 streams={xrd}" in lines
    assert "DEBUG:src.worker:data is msg_number=0 htype='header' filename=''" in lines
    assert (
        "DEBUG:src.worker:data is msg_number=1 htype='image' frame=0 shape=[10, 10] type='uint16' compression='none' "
        "data=array([[ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9],"
    ) in lines
    assert "DEBUG:src.worker:intensity is 13.500000" in lines
    no_parameters = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert (
        "DEBUG:src.reducer:result is event_number=1 worker='replay-worker-0' "
        f"parameters_hash='{no_parameters}' payload=13.5"
    ) in lines
    assert lines[-1] == "INFO:src.reducer:delta were [0, 13.5]"
    assert ended.stdout.startswith("3 events, 1 results, 0 failures in ")
    assert ended.returncode == 0


def test_at_info_only_the_end_is_told(analysis: Path) -> None:
    ended = run(analysis, "replay", *CLASSES, "-f", "xrd.cbors", log_level="")
    assert ended.stderr == "INFO:src.reducer:delta were [0, 13.5]\n"  # and no progress bar
    (summary,) = ended.stdout.splitlines()
    assert summary.endswith(" events/s)")


def test_a_terminal_gets_a_progress_bar(analysis: Path) -> None:
    assert "\r  0%|" in on_terminal(analysis, "replay", *CLASSES, "-f", "xrd.cbors")
    assert "%|" not in on_terminal(analysis, "replay", *CLASSES, "-f", "xrd.cbors", "--no-progress")


def on_terminal(folder: Path, *arguments: str) -> str:
    """Return what a command writes to standard error when this is a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    try:
        subprocess.run(
            command(*arguments), cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs, timeout=TIMEOUT, check=True
        )
        return os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_replay_loads_only_what_it_needs(analysis: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = f"""
        import sys
        from dranspose_tango.cli import main
        main({["replay", *CLASSES, "-f", "xrd.cbors"]})
        print(*sorted(name for name in sys.modules if "." not in name))
    """
    ended = subprocess.run(
        [sys.executable, "-c", dedent(code)], cwd=analysis, capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    loaded = ended.stdout.splitlines()[-1].split()
    assert "numpy" in loaded
    assert not {"tango", "h5py", "starlette", "uvicorn", "scipy", "tqdm", "imagecodecs"} & set(loaded)


# --- failures


def test_user_code_that_fails_shows_its_traceback(analysis: Path) -> None:
    file = write(analysis / "src/worker.py", "class TestWorker:\n    def process_event(self, event):\n        1 / 0\n")
    ended = run(analysis, "replay", *CLASSES, "-f", "xrd.cbors")
    assert ended.returncode == 1
    lines = ended.stderr.splitlines()
    assert lines[:2] == ["Traceback (most recent call last):", f'  File "{file}", line 3, in process_event']
    assert lines[-2:] == [
        "ZeroDivisionError: division by zero",
        "dranspose replay: process_event of src.worker:TestWorker failed at event 0",
    ]


def test_a_module_that_cannot_be_imported_shows_the_user_s_traceback(analysis: Path) -> None:
    file = write(analysis / "src/worker.py", "import not_there\n")
    ended = run(analysis, "replay", *CLASSES, "-f", "xrd.cbors")
    assert ended.returncode == 1
    lines = ended.stderr.splitlines()
    assert lines[:2] == ["Traceback (most recent call last):", f'  File "{file}", line 1, in <module>']
    assert [line for line in lines if line.startswith("  File")] == lines[1:2]
    assert lines[-1] == "dranspose replay: src.worker:TestWorker: importing src.worker failed"


def test_failures_are_counted_with_keep_going(analysis: Path) -> None:
    write(analysis / "src/worker.py", "class TestWorker:\n    def process_event(self, event):\n        1 / 0\n")
    ended = run(analysis, "replay", *CLASSES, "-f", "xrd.cbors", "--keep-going")
    assert ended.returncode == 1
    assert ended.stdout.startswith("3 events, 0 results, 5 failures in ")
    assert ended.stderr.count("ERROR:dranspose.replay:process_event of src.worker:TestWorker failed at event ") == 5


@pytest.fixture
def here(analysis: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run the analysis in this process, where nothing of it stays behind."""
    monkeypatch.chdir(analysis)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield analysis
    for name in [name for name in sys.modules if name == "src" or name.startswith("src.")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["-f", "missing.cbors"], "[Errno 2] No such file or directory: 'missing.cbors'"),
        (["-f", "src/worker.py"], "src/worker.py is not a capture: it cannot be read from its first record"),
        (["-f", "xrd.cbors", "xrd.cbors"], "event 0: stream 'xrd' comes from two inputs"),
        (["-f", "xrd.cbors", "-w", "src.worker:Worker"], "src.worker:Worker: there is no class 'Worker' in src.worker"),
        (["-f", "xrd.cbors", "-p", "src/worker.py"], "src/worker.py: not JSON: "),
        (["-s", "src.source:Source"], "src.source:Source: no module 'source' in src"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(
    change: list[str], text: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here("replay", *CLASSES, *change) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dranspose replay: {text}")


def test_a_cut_capture_is_replayed_and_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = here / "xrd.cbors"
    capture.write_bytes(capture.read_bytes()[:-1])
    assert run_here("replay", *CLASSES, "-f", "xrd.cbors") == 1
    output = capsys.readouterr()
    assert output.out.startswith("2 events, 1 results, 0 failures in ")
    assert "dranspose replay: xrd.cbors is cut off in the record at byte " in output.err


def test_the_options_reach_the_replay(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        here / "src/worker.py",
        """
        from dranspose.parameters import IntParameter

        class TestWorker:
            @staticmethod
            def describe_parameters():
                return [IntParameter(name="wanted")]
            def __init__(self, state):
                print(state.name)
            def process_event(self, event, parameters):
                print(event.event_number, parameters["wanted"].value)
        """,
    )
    (here / "parameters.json").write_text('[{"name": "wanted", "data": "7"}]')
    options = ("-p", "parameters.json", "--nworkers", "1", "--latency", "1e-6")
    assert run_here("replay", *CLASSES, "-f", "xrd.cbors", *options) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == ["replay-worker-0", "0 7", "1 7", "2 7"]


def test_numpy_prints_as_before_when_the_replay_has_ended(here: Path) -> None:
    before = np.get_printoptions()
    assert run_here("replay", *CLASSES, "-f", "xrd.cbors") == 0
    assert np.get_printoptions() == before


# --- interruption


ENDLESS = """
    from dranspose.event import InternalWorkerMessage, StreamData

    class Source:
        def messages(self):
            number = 0
            while True:
                yield InternalWorkerMessage(number, {"counter": StreamData("count", [])})
                number += 1

        def get_source_generators(self):
            return [self.messages()]
"""

ANNOUNCING = """
    class TestReducer:
        def __init__(self):
            print("begun", flush=True)
        def process_result(self, result):
            pass
        def finish(self):
            print("finished", flush=True)
"""


def interrupted(folder: Path, *arguments: str, after: Sequence[str], by: int = signal.SIGINT) -> tuple[int, list[str]]:
    """Interrupt a command after each of these texts in its output; return its exit status and all its lines."""
    write(folder / "src/reducer.py", ANNOUNCING)
    write(folder / "src/source.py", ENDLESS)
    with subprocess.Popen(command(*arguments), cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        killer = threading.Timer(TIMEOUT, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            lines, awaited = [], list(after)
            for line in process.stdout:
                lines.append(line.rstrip())
                if awaited and awaited[0] in line:
                    del awaited[0]
                    process.send_signal(by)
            return process.wait(TIMEOUT), lines
        finally:
            killer.cancel()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_scan_is_finished(by: int, analysis: Path) -> None:
    status, lines = interrupted(analysis, "replay", *CLASSES, "-s", "src.source:Source", after=["begun"], by=by)
    assert status == 130
    assert lines[:2] == ["begun", "finished"]
    assert " events, 0 results, 0 failures in " in lines[2]


def test_an_interruption_does_not_wait_for_the_latency(analysis: Path) -> None:
    endless = ("-s", "src.source:Source", "--latency", "1000000")
    assert interrupted(analysis, "replay", *CLASSES, *endless, after=["begun"])[0] == 130


def test_a_second_interruption_ends_code_that_is_stuck(analysis: Path) -> None:
    write(
        analysis / "src/worker.py",
        """
        import signal, threading

        class TestWorker:
            def process_event(self, event):
                print("first", flush=True)
                while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
                    pass
                print("second", flush=True)
                threading.Event().wait()
        """,
    )
    status, lines = interrupted(analysis, "replay", *CLASSES, "-f", "xrd.cbors", after=["first", "second"])
    assert status == -signal.SIGINT
    assert lines == ["begun", "first", "second"]


def test_a_loop_is_ended_by_an_interruption(analysis: Path) -> None:
    status, lines = interrupted(analysis, "replay", *CLASSES, "-f", "xrd.cbors", "--loop", after=[" events, "])
    assert status == 0
    assert lines[-2] == "finished"


def test_a_replay_that_is_kept_alive_serves_until_it_is_interrupted(analysis: Path) -> None:
    options = ("-f", "xrd.cbors", "--port", "0", "--keep-alive")
    status, lines = interrupted(analysis, "replay", *CLASSES, *options, after=["press Ctrl-C to end"])
    assert status == 0
    assert lines[0].startswith("published results at http://127.0.0.1:")
    assert lines[-1] == "press Ctrl-C to end"


def test_a_signal_may_come_while_the_main_thread_waits_for_the_stop() -> None:
    code = """
        import signal
        from dranspose_tango.commands.signals import stopped_by_signals

        with stopped_by_signals() as stop:
            with stop._cond:  # as Event.wait does
                signal.raise_signal(signal.SIGINT)
            print(stop.wait())
    """
    ended = subprocess.run(
        [sys.executable, "-c", dedent(code)], capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    assert ended.stdout == "True\n"


def received(url: str, messages: int) -> list[list[bytes]]:
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.connect(url)
        return [socket.recv_multipart() for _ in range(messages) if socket.poll(TIMEOUT * 1000)]


@pytest.mark.parametrize(
    ("command", "messages"),
    [(["simulate", "stins", "-n", "3", "--shape", "4", "5", "--drop", "1"], 4), (["send", "CAPTURE"], 11)],
)
def test_a_detector_sends_to_whom_connects(command: list[str], messages: int, project: Path) -> None:
    capture = str(project / "resources" / "tutorial" / "data" / "dump_xrd.cbors")
    arguments = [capture if word == "CAPTURE" else word for word in command]
    with subprocess.Popen(
        [DRANSPOSE, *arguments, "--bind", "tcp://127.0.0.1:*"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        parts = received(url, messages)
        assert process.stdout.read() == f"{messages} messages sent\n"
    assert process.returncode == 0
    assert [json.loads(message[0])["htype"] for message in parts] == [
        "header",
        *["image"] * (messages - 2),
        "series_end",
    ]


def simulated(command: list[str]) -> Scan:
    """Return what the source of a simulated detector makes of all that it sends."""
    bind = "tcp://*:0" if command[0] == "positioncap" else "tcp://127.0.0.1:*"
    with subprocess.Popen(
        [DRANSPOSE, "simulate", *command, "--bind", bind], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1].replace("0.0.0.0", "127.0.0.1")
        [source] = make_sources(command[0], [STREAM], [url])
        scan = Scan(source, 3).run()
        assert process.stdout.read().endswith(" messages sent\n")
    assert process.returncode == 0
    return scan


@pytest.mark.parametrize(
    "command",
    [
        ["contrast", "-n", "3"],
        ["xspress3", "-n", "3", "--channels", "2"],
        ["xspress3", "-n", "3", "--separate"],
        ["pcap", "-n", "3", "--vector", "2"],
        ["albaem", "-n", "3"],
        ["lecroy", "-n", "3", "--channels", "1", "2", "3", "--triggers", "2"],
        ["lecroy", "-n", "3"],
        ["eiger-legacy", "-n", "3", "--header-detail", "basic", "--appendix", "x"],
        ["stream2", "-n", "3", "--shape", "4", "5", "--thresholds", "2"],
        ["positioncap", "-n", "3"],
    ],
)
def test_each_detector_is_understood_by_its_source(command: list[str]) -> None:
    scan = simulated(command)
    assert sorted(scan.frames) == list(range(5))
    assert scan.skipped == []


CONTENT = """
    import numpy as np

    def image(index):
        return np.full((2, 3), index, np.uint16)
    def spectra(index):
        return np.full((1, 5), index, np.uint32)
    def channels(index):
        return {"INENC1.VAL.Mean": index / 4, "COUNTER1.OUT.Value": index}
    def currents(index):
        return [index / 2, 0, 0, 0]
"""


@pytest.mark.parametrize(
    ("command", "parse", "value"),
    [
        (["stins", "-n", "3", "--content", "content:image"], stream1.parse, lambda message: message.data.sum() / 6),
        (["xspress3", "-n", "3", "--content", "content:spectra"], xspress.parse, lambda message: message.data[0, 4]),
        (["albaem", "-n", "3", "--content", "content:currents"], albaem.parse, lambda message: 2 * message.channel1),
        (
            ["pcap", "-n", "3", "--content", "content:channels"],
            pcap.parse,
            lambda message: 4 * getattr(message, "INENC1.VAL.Mean"),
        ),
        (
            ["positioncap", "-n", "3", "--content", "content:channels"],
            PositioncapParser().parse,
            lambda message: message.fields["COUNTER1.OUT.Value"].value,
        ),
    ],
)
def test_a_detector_sends_what_a_function_makes(
    command: list[str],
    parse: Callable[[StreamData], Any],
    value: Callable[[Any], float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "content.py").write_text(dedent(CONTENT))
    monkeypatch.chdir(tmp_path)
    parsed = simulated(command).parsed(parse)
    assert [value(parsed[event]) for event in range(1, 4)] == [0, 1, 2]


def test_content_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other_content.py").write_text("image = 1\ndef spectra(index): ...\n")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["simulate", "stins", "--content", "other_content:image"]) == 1
    assert capsys.readouterr().err == (
        "dranspose simulate: other_content:image: there is no function but a int 'image' in other_content "
        f"({tmp_path}/other_content.py); its functions are spectra\n"
    )


def test_a_capture_that_is_none_cannot_be_sent(tmp_path: Path) -> None:
    (tmp_path / "empty.cbors").touch()
    done = subprocess.run(
        [DRANSPOSE, "send", tmp_path / "empty.cbors"], capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert (done.returncode, done.stderr) == (1, f"dranspose send: {tmp_path}/empty.cbors is empty\n")


def test_what_is_sent_is_recorded(tmp_path: Path, project: Path) -> None:
    capture = project / "resources" / "tutorial" / "data" / "dump_xrd.cbors"
    with subprocess.Popen(
        [DRANSPOSE, "send", capture, "--publish", "--bind", "tcp://127.0.0.1:*"], stdout=subprocess.PIPE, text=True
    ) as sender:
        assert sender.stdout is not None
        url = sender.stdout.readline().split()[-1]
        recorded = tmp_path / "raw.cbors"
        done = subprocess.run(
            [DRANSPOSE, "record", url, recorded, "--socket", "sub", "-n", "11"],
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT,
        )
    assert done.stdout == f"recording what {url} sends\n11 messages recorded in {recorded}\n"
    assert list(raw_capture.read(recorded)) == list(messages(capture))


def test_bytes_over_tcp_are_recorded_after_a_greeting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [DRANSPOSE, "record", f"tcp://127.0.0.1:{server.getsockname()[1]}", tmp_path / "raw.cbors"]
        with subprocess.Popen([*command, "--socket", "tcp", "--greeting", r"\n"], stdout=subprocess.PIPE) as recorder:
            server.settimeout(TIMEOUT)
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1) == b"\n"
                connection.sendall(b"OK\n")
            assert recorder.wait(TIMEOUT) == 0
    assert list(raw_capture.read(tmp_path / "raw.cbors")) == [[b"OK\n"]]


def test_what_cannot_be_recorded_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["record", "nowhere", str(tmp_path / "raw.cbors")]) == 1
    assert capsys.readouterr().err.startswith("dranspose record: cannot connect to 'nowhere'")


def test_sardana_s_records_are_posted(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert cli.main(["simulate", "sardana", "--url", url, "-n", "3"]) == 1
    assert "refused" in capsys.readouterr().err
    source = SardanaSource(STREAM, ["http://127.0.0.1:0"])
    statuses: list[int] = []

    def is_over(scan: Scan) -> bool:
        if not statuses:
            statuses.append(cli.main(["simulate", "sardana", "--url", str(source.listens_at), "-n", "3"]))
        return scan.matcher.phase is Phase.OVER

    scan = Scan(source, 3).run(is_over)
    assert (statuses, sorted(scan.frames)) == ([0], list(range(5)))
    assert capsys.readouterr().out == "5 messages sent\n"


def test_keys_are_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here("keys", str(tmp_path / "keys")) == 0
    assert read_keys(tmp_path / "keys")
    assert run_here("keys", str(tmp_path / "keys")) == 1
    assert "has keys already" in capsys.readouterr().err

"""Replay measured as whole processes (start, events per second, memory), beside another `dranspose` if there is one."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dranspose.capture import encode_record
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.protocol import EventNumber, StreamName

HERE = Path(__file__).parent
SHORT, LONG = 1_000, 100_000  # events
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took; seconds of processor time, which other load on the machine does not change."""

    seconds: float
    peak_mb: float


def write_series(path: Path, images: int) -> None:
    """Write a capture of a STINS series of 10x10 uint16."""

    def record(number: int, *frames: bytes) -> bytes:
        return encode_record(
            InternalWorkerMessage(EventNumber(number), {StreamName("xrd"): StreamData("STINS", list(frames))})
        )

    image = (
        '{"htype": "image", "frame": %d, "shape": [10, 10], "type": "uint16", "compression": "none", "msg_number": %d}'
    )
    with path.open("wb") as file:
        file.write(record(0, b'{"htype": "header", "filename": "", "msg_number": 0}'))
        for number in range(1, images + 1):
            file.write(record(number, (image % (number - 1, number)).encode(), bytes(200)))
        file.write(record(images + 1, b'{"htype": "series_end", "msg_number": %d}' % (images + 1)))


def replay(command: Path, capture: Path) -> Run:
    """Run `dranspose replay` over a capture."""
    arguments = [command, "replay", "-w", "analysis:MeanWorker", "-r", "analysis:SumReducer", "-f", capture]
    process = subprocess.Popen(
        arguments, cwd=HERE, stdout=subprocess.DEVNULL, env={**os.environ, "LOG_LEVEL": "WARNING"}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main(arguments: Sequence[str] = ()) -> None:
    """Print a table with a row for each installation, measured in turns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", type=Path, help="virtual environment of another dranspose to compare with")
    peer = parser.parse_args(arguments).peer
    commands = {"this": Path(sys.executable).with_name("dranspose")}
    if peer:
        commands["peer"] = peer / "bin" / "dranspose"
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, "short.cbors"), Path(folder, "long.cbors")
        write_series(short, SHORT)
        write_series(long, LONG)
        runs = [
            (name, replay(command, short), replay(command, long))
            for _ in range(ROUNDS)
            for name, command in commands.items()
        ]
    print(f"replay of {LONG} STINS events of 10x10 uint16, the best of {ROUNDS}")
    print(f"{'':8}{'events/s':>10}{'ratio':>8}{'CPU s to start':>20}{'peak MB':>10}{f'MB at {SHORT}':>12}")
    rates = {}
    for name in commands:
        mine = [(brief, full) for whose, brief, full in runs if whose == name]
        brief, full = (min(run.seconds for run in side) for side in zip(*mine, strict=True))
        rates[name] = (LONG - SHORT) / (full - brief)
        start = brief - SHORT / rates[name]
        peak, peak_short = (
            statistics.median(run.peak_mb for run in side) for side in zip(*[(f, b) for b, f in mine], strict=True)
        )
        ratio = rates[name] / rates["this"]
        print(f"{name:8}{rates[name]:10.0f}{ratio:8.2f}{start:20.2f}{peak:10.0f}{peak_short:12.0f}")


if __name__ == "__main__":
    main(sys.argv[1:])

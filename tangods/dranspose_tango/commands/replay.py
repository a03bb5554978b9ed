"""`dranspose replay`: an analysis over captured data."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dranspose_tango.commands.arguments import Commands, number
from dranspose_tango.commands.signals import INTERRUPTED, stopped_by_signals

if TYPE_CHECKING:
    from dranspose.replay import Replay

PROGRESS_INTERVAL = 0.1  # seconds
FAILED = 1


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "replay",
        help="run an analysis over captured data",
        description="Run a Worker and a Reducer class over captured data, with the events and hooks of a live scan.",
    )
    parser.set_defaults(run=_run)
    argument = parser.add_argument
    argument(
        "-w",
        "--workerclass",
        required=True,
        metavar="MODULE:CLASS",
        help="the Worker class, such as src.worker:TestWorker",
    )
    argument("-r", "--reducerclass", required=True, metavar="MODULE:CLASS", help="the Reducer class")
    inputs = parser.add_mutually_exclusive_group(required=True)
    inputs.add_argument(
        "-f", "--files", nargs="+", type=Path, default=[], metavar="FILE", help="captures: .cbors, .pkls, or either .gz"
    )
    inputs.add_argument(
        "-s", "--source", metavar="MODULE:CLASS", help="a class that makes the messages, instead of captures"
    )
    argument("-p", "--parameters", type=Path, metavar="FILE", help="values of parameters: JSON, CBOR or pickle")
    argument(
        "--port",
        type=number(int, 0, 65535),
        help="serve published results and parameters over HTTP on this port of the local host",
    )
    argument("--keep-alive", action="store_true", help="after the end, go on serving until Ctrl-C")
    argument(
        "--nworkers",
        type=number(int, 1),
        default=2,
        metavar="N",
        help="instances of the Worker class (default: %(default)s)",
    )
    argument("--loop", action="store_true", help="replay again and again until Ctrl-C")
    argument(
        "--latency",
        type=number(float, 0, threading.TIMEOUT_MAX),
        default=0.0,
        metavar="SECONDS",
        help="time to wait before each event",
    )
    argument("--keep-going", action="store_true", help="count failures of the analysis and go on")
    argument("--no-progress", action="store_true", help="show no progress bar, which only a terminal gets anyway")


def _run(options: argparse.Namespace) -> int:
    import numpy as np

    from dranspose.analysis import AnalysisError, UserCodeError
    from dranspose.capture import CaptureError
    from dranspose.event import JoinError
    from dranspose.parameter_file import read_parameter_file
    from dranspose.parameters import ParameterError
    from dranspose.replay import Replay, serve

    status = 0
    try:
        with ExitStack() as stack:
            stop = stack.enter_context(stopped_by_signals())
            # numpy 2 writes np.float64(9.5) for a scalar; the number alone is what a log line is read for
            stack.enter_context(np.printoptions(legacy="1.25"))
            replay = stack.enter_context(
                Replay(
                    options.workerclass,
                    options.reducerclass,
                    captures=options.files,
                    source=options.source,
                    parameters=read_parameter_file(options.parameters) if options.parameters else None,
                    nworkers=options.nworkers,
                    latency=options.latency,
                    keep_going=options.keep_going,
                )
            )
            if options.port is not None:
                server = stack.enter_context(serve(replay, options.port))
                print(f"published results at {server.url}", flush=True)
            while True:
                with _progress_bar(replay, shown=not options.no_progress) as on_event:
                    tally = replay.play(stop, on_event)
                print(tally, flush=True)
                for damage in tally.damages:
                    _complain(damage)
                if tally.failures or tally.damages:
                    status = FAILED
                if not options.loop or stop.is_set():
                    break
            if options.keep_alive and not stop.is_set():
                print("press Ctrl-C to end", flush=True)
                stop.wait()
            elif stop.is_set() and not options.loop:
                status = INTERRUPTED
    except (AnalysisError, CaptureError, JoinError, OSError, ParameterError, UserCodeError) as error:
        _complain(error)
        return FAILED
    return status


def _complain(error: Exception) -> None:
    from dranspose.analysis import UserCodeError

    if isinstance(error, UserCodeError):
        sys.stderr.write(error.user_traceback())
    sys.stderr.write(f"dranspose replay: {error}\n")


@contextmanager
def _progress_bar(replay: Replay, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Give what to call after each event; on a terminal it moves a bar by how much of the captures has been read."""
    if not (shown and sys.stderr.isatty()):
        yield lambda: None
        return
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    with logging_redirect_tqdm(), tqdm(total=replay.size or None, unit="B", unit_scale=True, leave=False) as bar:
        due = 0.0

        def on_event() -> None:
            nonlocal due
            if (now := time.monotonic()) >= due:
                due = now + PROGRESS_INTERVAL
                bar.update(replay.position - bar.n)

        yield on_event

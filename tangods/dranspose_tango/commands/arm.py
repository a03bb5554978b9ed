"""`dranspose arm`: begin a scan, and wait for its end."""

from __future__ import annotations

import argparse
import json
import math
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dranspose_tango.commands.arguments import Commands, number
from dranspose_tango.commands.complaints import complaints_of
from dranspose_tango.commands.controller import add_controller, chosen_controller
from dranspose_tango.commands.signals import INTERRUPTED, stopped_by_signals

if TYPE_CHECKING:
    from dranspose_tango.remote import Progress, RemoteController

LOOK_INTERVAL = 0.2  # seconds
LINE_EVERY = 0.2  # of the scan, where there is no terminal for a bar
PATIENCE = 5.0  # seconds without an event after which the user is told where to look


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "arm",
        help="begin a scan",
        description="Begin a scan, and print its id. The trigger map comes from a file, or is a uniform one: each of "
        "so many events has a frame of each stream.",
    )
    parser.set_defaults(run=_run)
    add_controller(parser)
    argument = parser.add_argument
    maps = parser.add_mutually_exclusive_group(required=True)
    maps.add_argument("map", nargs="?", type=Path, metavar="MAP.json", help="the trigger map")
    maps.add_argument("--events", type=number(int, 0), metavar="N", help="events of a uniform map, start and end apart")
    argument("--batch", type=number(int, 1), metavar="B", help="so many events in a row go to one worker (default: 1)")
    argument("--streams", nargs="+", metavar="STREAM", help="streams of a uniform map (default: all that there are)")
    argument(
        "--wait",
        action="store_true",
        help="wait for the end of the scan; the exit status is 1 if it did not go well; Ctrl-C ends the wait only",
    )


def _run(options: argparse.Namespace) -> int:
    with complaints_of("arm"):
        controller = chosen_controller(options)
        scan = controller.arm(_trigger_map(options, controller))
        print(scan, flush=True)
        if not options.wait:
            return 0
        with stopped_by_signals() as stop:
            progress = wait_for_end(controller, scan, stop)
    print(f"{progress.completed} of {progress.total} events: {progress.state}: {progress.status}")
    if not progress.is_over:
        return INTERRUPTED
    return 0 if progress.went_well else 1


def wait_for_end(controller: RemoteController, scan: str, stop: threading.Event) -> Progress:
    """Return how a scan ended, or how it is when the wait is stopped; a bar, or lines, show it meanwhile.

    Raises:
        RemoteError: the controller is gone, or has another scan.
    """
    from tqdm import tqdm

    from dranspose_tango.remote import RemoteError

    shown = completed = 0
    tell_at = time.monotonic() + PATIENCE
    with tqdm(unit=" events", leave=False, disable=None) as bar:
        while True:
            progress = controller.progress()
            if progress.scan != scan:
                raise RemoteError(f"{controller.name} has gone on to another scan, {progress.scan}")
            if progress.completed > completed:
                completed, tell_at = progress.completed, time.monotonic() + PATIENCE
            elif time.monotonic() > tell_at and not progress.is_over:
                tell_at = math.inf
                bar.write(
                    f"no event for {PATIENCE:g} s: is the detector sending? `dranspose status` shows what has come"
                )
            bar.total = progress.total
            bar.update(progress.completed - bar.n)
            if bar.disable and progress.completed - shown > progress.total * LINE_EVERY:
                shown = progress.completed
                print(f"{progress.completed} of {progress.total} events", flush=True)
            if progress.is_over or stop.wait(LOOK_INTERVAL):
                return progress


def _trigger_map(options: argparse.Namespace, controller: RemoteController) -> str:
    if options.map is not None:
        if options.batch or options.streams:
            sys.exit("dranspose arm: --batch and --streams go with --events; a trigger map has its own")
        text: str = options.map.read_text()
        return text
    streams = options.streams or controller.streams
    if not streams:
        sys.exit(f"dranspose arm: {controller.name} has no ingester, so there are no streams")
    return json.dumps({"uniform": {"streams": streams, "events": options.events, "batch": options.batch or 1}})

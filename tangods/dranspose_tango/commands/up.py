"""`dranspose up`: a whole ensemble on this machine."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dranspose_tango.commands.arguments import Commands
from dranspose_tango.commands.complaints import complaints_of
from dranspose_tango.commands.signals import stopped_by_signals

ATTENTION = 0.2  # seconds between two looks at the processes


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "up",
        help="start an ensemble on this machine",
        description="Start an ensemble on this machine, each device as a process of its own, and keep it running until "
        "Ctrl-C or SIGTERM. Its devices are registered in the Tango database that TANGO_HOST names; if that is not "
        "set, in a database of its own, which it starts as well.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("ensemble", type=Path, metavar="ENSEMBLE.toml", help="what to start")


def _run(options: argparse.Namespace) -> int:
    from dranspose_tango.commands.display import display
    from dranspose_tango.ensemble_file import read_ensemble
    from dranspose_tango.launch import launched

    with (
        complaints_of("up"),
        stopped_by_signals() as stop,
        launched(read_ensemble(options.ensemble), os.environ.get("TANGO_HOST") or None) as launch,
    ):
        print(f"TANGO_HOST={launch.running.tango_host}", flush=True)
        with display() as show:
            while not stop.is_set():
                launch.attend(ATTENTION)
                show(launch)
    return 0

"""The `dranspose` command."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence

from dranspose_tango.commands import (
    arm,
    demo,
    keys,
    panel,
    parameters,
    record,
    register,
    replay,
    send,
    simulate,
    status,
    stop,
    up,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, those of the process by default, and return its exit status."""
    parser = argparse.ArgumentParser(prog="dranspose", description="Map-reduce analysis of detector streams.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (replay, simulate, send, record, demo, up, register, status, panel, parameters, arm, stop, keys):
        command.add(commands)
    if not (sys.argv[1:] if arguments is None else arguments):
        parser.print_help(sys.stderr)
        return 2
    options = parser.parse_args(arguments)
    level = (os.environ.get("LOG_LEVEL") or "INFO").upper()
    if level not in logging.getLevelNamesMapping():
        parser.error(f"LOG_LEVEL is {level}: set it to one of {', '.join(logging.getLevelNamesMapping())}")
    logging.basicConfig(level=level)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a log, or whoever waits for a line, gets it at once
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)

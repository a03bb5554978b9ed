"""`dranspose stop`: end a scan early."""

from __future__ import annotations

import argparse

from dranspose_tango.commands.arguments import Commands
from dranspose_tango.commands.complaints import complaints_of
from dranspose_tango.commands.controller import add_controller, chosen_controller


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "stop", help="end a scan early", description="End the scan early; what has been begun is finished."
    )
    parser.set_defaults(run=_run)
    add_controller(parser)


def _run(options: argparse.Namespace) -> int:
    with complaints_of("stop"):
        chosen_controller(options).stop()
    return 0

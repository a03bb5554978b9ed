"""`dranspose status`: how the devices of an ensemble are."""

from __future__ import annotations

import argparse

from dranspose_tango.commands.arguments import Commands
from dranspose_tango.commands.complaints import complaints_of
from dranspose_tango.commands.controller import add_controller, chosen_controller


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "status",
        help="show how the devices are",
        description="Show state, progress and status of the devices beside a controller. The exit status is 1 if one "
        "of them does not answer or is in FAULT.",
    )
    parser.set_defaults(run=_run)
    add_controller(parser)


def _run(options: argparse.Namespace) -> int:
    from dranspose_tango.commands.display import print_table, table
    from dranspose_tango.observation import Observed, devices_beside

    with complaints_of("status"):
        devices = devices_beside(chosen_controller(options).device)
        sights = tuple(Observed(device).look() for device in devices)
    print_table(table(sights))
    return 0 if all(sight.is_settled and sight.state != "FAULT" for sight in sights) else 1

"""`dranspose panel`: a window on a running ensemble."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import warnings

from dranspose_tango.commands.arguments import Commands
from dranspose_tango.commands.complaints import complaints_of
from dranspose_tango.commands.controller import chosen_controller


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "panel",
        help="open a window on an ensemble",
        description="Show devices, parameters, results and errors of an ensemble in a window, with Taurus: install it "
        "with the extra [gui].",
    )
    parser.set_defaults(run=_run)
    parser.add_argument(
        "controller",
        nargs="?",
        metavar="CONTROLLER",
        help="the controller's device: in the database that TANGO_HOST names, or as tango://HOST:PORT/DEVICE, with "
        "#dbase=no behind it if there is no database (default: the one that runs on this machine)",
    )
    parser.add_argument(
        "devices",
        nargs="*",
        metavar="DEVICE",
        help="full names of other devices to show, of an ensemble without a database whose devices have servers of "
        "their own",
    )


def _run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("taurus_pyqtgraph") is None:
        sys.exit("dranspose panel: Taurus is not installed: pip install 'path/to/this/checkout[gui]'")
    with complaints_of("panel"):
        controller = chosen_controller(options)
    import taurus

    warnings.filterwarnings("ignore", "libpyside", RuntimeWarning)
    taurus.setLogLevel(taurus.Error)  # what it has to say of schemes and plugins is not about the ensemble
    from dranspose_tango.taurus.panel import run

    return run(controller, options.devices)

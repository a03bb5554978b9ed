"""The controller that a command is about."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dranspose_tango.remote import RemoteController


def add_controller(parser: argparse.ArgumentParser) -> None:
    """Let the command be told which controller it is about."""
    parser.add_argument(
        "--controller",
        metavar="NAME",
        help="the controller's device: in the database that TANGO_HOST names or, if it names none, of an ensemble that "
        "runs on this machine, or as tango://HOST:PORT/DEVICE (default: the one that runs on this machine)",
    )


def chosen_controller(options: argparse.Namespace) -> RemoteController:
    """Return that controller; raises NotRunningError, RemoteError."""
    from dranspose_tango.remote import RemoteController
    from dranspose_tango.running import all_running, the_running

    name: str | None = options.controller
    if name is None:
        return RemoteController(the_running().controller_url)
    here = {} if os.environ.get("TANGO_HOST") else {running.controller: running for running in all_running()}
    return RemoteController(here[name].controller_url if name in here else name)

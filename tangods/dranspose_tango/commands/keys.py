"""`dranspose keys`: make the keys of an ensemble."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dranspose_tango.commands.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "keys",
        help="make the keys of an ensemble",
        description="Make keys in a folder. With it, as KeyFolder of all devices or `keys` in an ensemble's file, the "
        "devices encrypt what they send each other, and let nobody connect who has not the same keys.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to; copy it to all hosts of the ensemble")


def _run(options: argparse.Namespace) -> int:
    from dranspose.dataplane.keys import make_keys

    try:
        make_keys(options.folder)
    except OSError as error:
        sys.stderr.write(f"dranspose keys: {error}\n")
        return 1
    print(f"keys of an ensemble are in {options.folder}")
    return 0

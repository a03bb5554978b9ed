"""`dranspose register`: the devices of an ensemble in the facility's Tango database."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dranspose_tango.commands.arguments import Commands
from dranspose_tango.commands.complaints import complaints_of


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "register",
        help="write an ensemble to the Tango database",
        description="Write the devices of an ensemble, with their servers and properties, to the database that "
        "TANGO_HOST names, after showing what differs there. Starter or systemd run the servers.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("ensemble", type=Path, metavar="ENSEMBLE.toml", help="what to write")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("-n", "--dry-run", action="store_true", help="show what differs, and write nothing")
    kinds.add_argument("--dsconfig", action="store_true", help="print it as dsconfig's JSON; needs no database")


def _run(options: argparse.Namespace) -> int:
    import json

    from dranspose_tango.database import connect
    from dranspose_tango.ensemble_file import read_ensemble
    from dranspose_tango.registration import differences, to_dsconfig

    with complaints_of("register"):
        ensemble = read_ensemble(options.ensemble)
        if options.dsconfig:
            print(json.dumps(to_dsconfig(ensemble), indent=4))
            return 0
        database = connect(os.environ.get("TANGO_HOST", ""))
        changes = list(differences(database, ensemble))
        for change in changes:
            print(change)
        if not options.dry_run:
            for change in changes:
                change.apply(database)
        print(f"{len(changes)} {'differences' if options.dry_run else 'changes written'}")
    return 0

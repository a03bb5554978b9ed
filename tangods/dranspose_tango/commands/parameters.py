"""`dranspose parameters`: the parameters of an analysis, listed, read and changed."""

from __future__ import annotations

import argparse
import os.path
import sys
from typing import TYPE_CHECKING

from dranspose_tango.commands.arguments import Commands
from dranspose_tango.commands.complaints import complaints_of
from dranspose_tango.commands.controller import add_controller, chosen_controller

if TYPE_CHECKING:
    from dranspose_tango.remote import RemoteController


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "parameters", help="list, read and change parameters", description="The parameters that an analysis describes."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, act, what in (
        ("list", _list, "show all, with their values"),
        ("get", _get, "print the value of one; that of a binary one as it is"),
        ("set", _set, "change one, from one event on for all workers"),
    ):
        action = actions.add_parser(name, help=what)
        action.set_defaults(run=_run, act=act)
        add_controller(action)
        if act is not _list:
            action.add_argument("name", metavar="NAME", help="of the parameter")
        if act is _set:
            action.add_argument("value", metavar="VALUE|@FILE", help="the value, or @ and a file that contains it")


def _run(options: argparse.Namespace) -> int:
    with complaints_of("parameters"):
        options.act(chosen_controller(options), options)
    return 0


def _list(controller: RemoteController, _options: argparse.Namespace) -> None:
    from rich.table import Table
    from rich.text import Text

    from dranspose_tango.commands.display import print_table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("parameter", "type", "value", "description"):
        table.add_column(heading)
    for name, parameter in controller.parameters().items():
        value = controller.read_parameter(parameter)
        shown = f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
        table.add_row(*map(Text, (name, parameter.dtype, shown, parameter.description or "")))
    print_table(table)


def _get(controller: RemoteController, options: argparse.Namespace) -> None:
    value = controller.read_parameter(controller.parameter(options.name))
    if isinstance(value, bytes):
        sys.stdout.buffer.write(value)
    else:
        print(value)


def _set(controller: RemoteController, options: argparse.Namespace) -> None:
    from dranspose.parameters import BinaryParameter
    from dranspose_tango.parameter_text import data_of
    from dranspose_tango.remote import RemoteError

    parameter = controller.parameter(options.name)
    if isinstance(parameter, BinaryParameter) and os.path.isfile(options.value):  # noqa: PTH113 - of any text
        raise RemoteError(f"{options.value!r} is a file: for what it contains write @{options.value}")
    controller.write_parameter(parameter, data_of(options.value))

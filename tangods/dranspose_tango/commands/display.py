"""A launched ensemble shown while it runs: as a table on a terminal, as a line for each change elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.table import Table

    from dranspose_tango.launch import Launch
    from dranspose_tango.observation import Sight

Show: TypeAlias = "Callable[[Launch], None]"

WIDE = 1000  # columns

_COLOURS = {
    "RUNNING": "green",
    "MOVING": "cyan",
    "ALARM": "yellow",
    "FAULT": "red",
    "AWAY": "red",
    "UNKNOWN": "magenta",
}


@contextmanager
def display() -> Iterator[Show]:
    """Give what to call with the ensemble, some times a second."""
    if not sys.stdout.isatty():
        yield _Lines().show
        return
    from rich.live import Live
    from rich.logging import RichHandler

    with Live(auto_refresh=False) as live:
        handlers = logging.root.handlers[:]
        logging.root.handlers = [RichHandler(console=live.console, show_path=False)]
        try:
            yield lambda launch: live.update(table(launch.sights, launch.restarts), refresh=True)
        finally:
            logging.root.handlers = handlers


def table(sights: tuple[Sight, ...], restarts: Callable[[str], int] | None = None) -> Table:
    """Return a table with a row for each device."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("device", "state"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("done", "per second", "load"):
        shown.add_column(heading, justify="right", no_wrap=True)
    if restarts is not None:
        shown.add_column("restarts", justify="right")
    shown.add_column("status", overflow="fold")
    for sight in sights:
        row: list[str | Text] = [
            sight.name,
            Text(sight.state, style=_COLOURS.get(sight.state, "")),
            "" if sight.done is None else str(sight.done),
            "" if sight.rate is None else f"{sight.rate:.1f}",
            "" if sight.load is None else f"{sight.load:.0f} %",
        ]
        if restarts is not None:
            row.append(str(restarts(sight.name) or ""))
        shown.add_row(*row, Text(_in_one_line(sight.status)))
    return shown


def print_table(shown: Table) -> None:
    """Print a table, as wide as it is unless on a terminal."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else WIDE).print(shown)


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


class _Lines:
    """Prints a device whenever its state is another, and once that the ensemble is ready."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._states: dict[str, str] = {}
        self._told = False

    def show(self, launch: Launch) -> None:
        for sight in launch.sights:
            if self._states.get(sight.name, "AWAY") != sight.state:
                self._states[sight.name] = sight.state
                print(f"{sight.name}: {sight.state}: {_in_one_line(sight.status)}", flush=True)
        if launch.is_ready and not self._told:
            self._told = True
            print(f"ready after {time.monotonic() - self._began:.1f} s", flush=True)

"""Values of parameters in a folder, one file for each, so that they outlive the controller and the Tango database."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from urllib.parse import quote, unquote

from dranspose.protocol import ParameterName

logger = logging.getLogger(__name__)

UNFINISHED = "%unfinished"
WRITTEN_AT_ONCE = 2**20
"""Bytes that a command has time to write."""


def default_folder(device: str) -> Path:
    """Return the folder of a device below the user's state directory (XDG Base Directory Specification 0.8)."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "dranspose", "parameters", device)


class ParameterMemory:
    """The values in one folder, which is made when there is something to remember.

    The file of a value holds its bytes and nothing else; its name is that of the parameter, percent-encoded. Any thread
    may remember and write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unwritten: dict[str, bytes] = {}
        self._writing = threading.Lock()

    def values(self) -> dict[ParameterName, bytes]:
        """Return what is remembered; a file that cannot be read is left out, and said."""
        found = {}
        for path in sorted(self._folder.glob("*")) if self._folder.is_dir() else ():
            if path.name != _file_name(unquote(path.name)):
                continue  # no parameter has such a file
            try:
                found[ParameterName(unquote(path.name))] = path.read_bytes()
            except OSError as error:
                logger.error("the remembered value of a parameter is left out: %s", error)
        return found

    def remember(self, name: str, data: bytes) -> None:
        """Write the value of a parameter, or leave it to `write` if it is long; raises OSError if that cannot be."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if len(data) <= WRITTEN_AT_ONCE:
            with self._writing:
                self._unwritten.pop(name, None)
                self._replace(name, data)
        else:
            self._unfinished(name).touch()
            self._unwritten[name] = data

    def write(self) -> None:
        """Replace the values that were taken, each whole or not at all; what cannot be written is said."""
        with self._writing:
            while self._unwritten:
                name, data = self._unwritten.popitem()
                try:
                    self._replace(name, data)
                except OSError as error:
                    logger.error("parameter %s is in force, but will be lost with the controller: %s", name, error)

    def _replace(self, name: str, data: bytes) -> None:
        self._unfinished(name).write_bytes(data)
        self._unfinished(name).replace(self._folder / _file_name(name))

    def _unfinished(self, name: str) -> Path:
        return self._folder / (_file_name(name) + UNFINISHED)


def _file_name(parameter: str) -> str:
    return quote(parameter, safe=" ")

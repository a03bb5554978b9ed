"""The Tango database: the facility's, or one of an ensemble's own on this machine."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import tango

from dranspose_tango.supervision import Program, Supervisor

PATIENCE = 30.0  # seconds; it takes half of one
A_MOMENT = 0.02  # seconds
DATABASE = "database"
LOOPBACK = "127.0.0.1"


class DatabaseError(Exception):
    """There is no Tango database that answers."""


def executable(name: str) -> str:
    """Return the path of a program that is installed with this one, or found in the PATH; raises FileNotFoundError."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"there is no program {name} beside {sys.executable} nor in the PATH")
    return found


def start_embedded(supervisor: Supervisor, folder: Path, host: str = LOOPBACK) -> str:
    """Start a database that keeps its file in this folder, and return its ``host:port`` when it is ready.

    Raises:
        DatabaseError: it ends at once, or does not become ready; names its log.
    """
    log = folder / "database.log"
    log.unlink(missing_ok=True)
    supervisor.start([_program(folder, log, host, "0")])
    deadline = time.monotonic() + PATIENCE
    while not (listening := re.search(r"port=(\d+).*\nReady", log.read_text())):
        supervisor.attend(A_MOMENT)
        if supervisor.restarts(DATABASE) or time.monotonic() > deadline:
            raise DatabaseError(f"the database does not start; see {log}")
    port = listening[1]
    # when it is started again, it is where its clients look for it
    supervisor.replace(_program(folder, log, host, port))
    return f"{host}:{port}"


def connect(tango_host: str) -> tango.Database:
    """Return the database at ``host:port``; raises DatabaseError if none answers there."""
    host, _, port = tango_host.rpartition(":")
    if not host or not port.isdecimal():
        found = repr(tango_host) if tango_host else "not set"
        raise DatabaseError(f"TANGO_HOST is {found}: it must be host:port, such as {LOOPBACK}:10000")
    try:
        return tango.Database(host, int(port))
    except tango.DevFailed:
        raise DatabaseError(
            f"no Tango database answers at {tango_host}: is it running, and TANGO_HOST right?"
        ) from None


def _program(folder: Path, log: Path, host: str, port: str) -> Program:
    command: Sequence[str] = (
        *(executable("PyDatabaseds"), "--host", host, "--port", port),
        *("--print-host-port", "2"),
    )
    environment = {"PYTANGO_DATABASE_NAME": str(folder / "tango.db"), "PYTHONUNBUFFERED": "1"}  # its log says when
    return Program(name=DATABASE, command=command, log=log, folder=folder, environment=environment)

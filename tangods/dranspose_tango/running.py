"""Which ensembles run on this machine: each leaves a file in the user's state directory for as long as it does."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

STATE_FILE = "running.json"
ATTEMPTS = 5
A_MOMENT = 0.002  # seconds


class NotRunningError(Exception):
    """No ensemble runs here, or several do."""


class AlreadyRunningError(Exception):
    """The ensemble runs here already."""


@dataclass(frozen=True, slots=True)
class Running:
    """An ensemble that runs here.

    Attributes:
        tango_host: its database, as ``host:port``.
        controller: the name of the controller's device.
        pid: of the process that supervises it.
    """

    tango_host: str
    controller: str
    pid: int

    @property
    def controller_url(self) -> str:
        """The full resource name of the controller's device."""
        return f"tango://{self.tango_host}/{self.controller}"


def state_folder() -> Path:
    """Return the folder in which each ensemble has one of its own (XDG Base Directory Specification)."""
    configured = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".local/state") / "dranspose"


@contextmanager
def claimed(name: str) -> Iterator[tuple[Path, Callable[[Running], None]]]:
    """Give the folder of this ensemble, and what makes known that it runs; nobody else has it meanwhile.

    The lock is on the folder, so it ends with this process, however that ends: a file without a lock is a stale one.

    Raises:
        AlreadyRunningError: another process has it.
    """
    folder = state_folder() / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    file = folder / STATE_FILE
    try:
        if not _lock(lock, fcntl.LOCK_EX):
            raise AlreadyRunningError(
                f"the ensemble {name} runs here already: stop it first, or give this another name"
            )
        file.unlink(missing_ok=True)
        try:
            yield folder, lambda running: _write(file, running)
        finally:
            file.unlink(missing_ok=True)
    finally:
        os.close(lock)


def all_running() -> list[Running]:
    """Return the ensembles that run here."""
    files = sorted(state_folder().glob(f"*/{STATE_FILE}"))
    return [Running(**json.loads(file.read_text())) for file in files if _is_locked(file.parent)]


def the_running() -> Running:
    """Return the ensemble that runs here; raises NotRunningError if there is not exactly one."""
    match all_running():
        case [running]:
            return running
        case []:
            raise NotRunningError("no ensemble runs here: start one with `dranspose up`, or name its controller")
        case several:
            names = ", ".join(running.controller_url for running in several)
            raise NotRunningError(f"several ensembles run here, so name one of their controllers: {names}")


def _write(file: Path, running: Running) -> None:
    unfinished = file.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(running)))
    unfinished.replace(file)


def _is_locked(folder: Path) -> bool:
    probe = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return not _lock(probe, fcntl.LOCK_SH)
    finally:
        os.close(probe)


def _lock(descriptor: int, kind: int) -> bool:
    """Lock, if nobody else does; one who only looks whether there is a lock has one for a moment."""
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(A_MOMENT)
        else:
            return True
    return False

"""An ensemble started on this machine: its database if it needs one, its devices, and the values of its parameters."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from dranspose_tango.database import LOOPBACK, connect, executable, start_embedded
from dranspose_tango.ensemble import Ensemble
from dranspose_tango.observation import Lookout, Sight
from dranspose_tango.registration import differences
from dranspose_tango.remote import RemoteController, RemoteError
from dranspose_tango.running import Running, claimed
from dranspose_tango.supervision import Program, Supervisor

logger = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds after which parameters that nobody describes are complained of


class Launch:
    """An ensemble that was started; for the main thread.

    Attributes:
        ensemble: what it was started from.
        running: how others find it.
        is_ready: whether all devices were there, and known to the controller, and the parameters were set.
    """

    def __init__(self, ensemble: Ensemble, running: Running, supervisor: Supervisor, lookout: Lookout) -> None:
        self.ensemble = ensemble
        self.running = running
        self._supervisor = supervisor
        self._lookout = lookout
        self._to_set = dict(ensemble.parameters)
        self._nodes = {device.name.lower() for device in ensemble.devices[1:]}
        self.is_ready = False
        self._complain_at = time.monotonic() + PATIENCE

    def attend(self, timeout: float) -> None:
        """Wait for so many seconds, or until a process ends; start those again that have ended.

        When all devices are there, the parameters are set, each as soon as a class describes it.
        """
        self._supervisor.attend(timeout)
        if not self.is_ready and self.sights and all(sight.is_settled for sight in self.sights):
            self._get_ready()

    @property
    def sights(self) -> tuple[Sight, ...]:
        """The latest look at all devices, empty before the first."""
        return self._lookout.sights

    def pid(self, name: str) -> int:
        """Return the process id of a device's server, the last one if it has ended."""
        return self._supervisor.pid(name)

    def restarts(self, name: str) -> int:
        """Return how often the server of a device was started again."""
        return self._supervisor.restarts(name)

    def _get_ready(self) -> None:
        try:
            controller = RemoteController(self.running.controller_url)
            described, nodes = controller.parameters(), controller.nodes()
        except RemoteError:
            return  # it has just gone: there will be another time
        for name in sorted(self._to_set.keys() & described.keys()):
            data = self._to_set.pop(name)
            try:
                controller.write_parameter(described[name], data)
            except RemoteError as error:
                logger.error("parameter %s keeps the value that it had: %s", name, error)
        self.is_ready = self._nodes <= nodes and not self._to_set
        if self._to_set and time.monotonic() > self._complain_at:
            self._complain_at = math.inf
            logger.warning(
                "no class of the analysis describes %s: not set so far; it describes %s",
                ", ".join(sorted(self._to_set)),
                ", ".join(described) or "nothing",
            )


@contextmanager
def launched(ensemble: Ensemble, tango_host: str | None) -> Iterator[Launch]:
    """Start an ensemble, and stop it in the end.

    Args:
        ensemble: what to start.
        tango_host: the database to use as ``host:port``; None for one of its own, on this machine only.

    Raises:
        AlreadyRunningError, DatabaseError, FileNotFoundError, tango.DevFailed: it cannot be started.
    """
    with claimed(ensemble.name) as (folder, announce), Supervisor() as supervisor:
        own = tango_host is None
        where = start_embedded(supervisor, folder) if tango_host is None else tango_host
        database = connect(where)
        for change in list(differences(database, ensemble)):
            logger.log(logging.DEBUG if own else logging.INFO, "%s", change)
            change.apply(database)
        logs = folder / "logs"
        logs.mkdir(exist_ok=True)
        for log in logs.iterdir():
            log.unlink()
        on_this_machine = where.startswith(f"{LOOPBACK}:")  # so nobody else is to come in
        endpoint = ("-ORBendPoint", f"giop:tcp:{LOOPBACK}:0") if on_this_machine else ()
        supervisor.start(
            Program(
                name=device.name,
                command=(executable(device.server), device.instance, *endpoint),
                log=logs / f"{device.server}-{device.instance}.log",
                folder=ensemble.folder,
                environment={"TANGO_HOST": where},
            )
            for device in ensemble.devices
        )
        running = Running(where, ensemble.controller_name, os.getpid())
        with closing(Lookout(f"tango://{where}/{device.name}" for device in ensemble.devices)) as lookout:
            lookout.start()
            announce(running)
            yield Launch(ensemble, running, supervisor, lookout)

"""The executables: one Tango server for each class of devices, and one for all four."""

from __future__ import annotations

import logging
import os
import sys

from tango.server import Device, run

from dranspose.dataplane.memory import reuse_freed_memory
from dranspose_tango.controller import DransposeController
from dranspose_tango.ingester import DransposeIngester
from dranspose_tango.reducer import DransposeReducer
from dranspose_tango.worker import DransposeWorker


def controller() -> int:
    """Run controllers: ``DransposeController INSTANCE``."""
    return _serve("DransposeController", DransposeController)


def ingester() -> int:
    """Run ingesters: ``DransposeIngester INSTANCE``."""
    return _serve("DransposeIngester", DransposeIngester)


def worker() -> int:
    """Run workers: ``DransposeWorker INSTANCE``; one device for each server makes use of all cores."""
    return _serve("DransposeWorker", DransposeWorker)


def reducer() -> int:
    """Run reducers: ``DransposeReducer INSTANCE``."""
    return _serve("DransposeReducer", DransposeReducer)


def everything() -> int:
    """Run devices of all four classes in one process, for demonstrations: ``Dranspose INSTANCE``."""
    return _serve("Dranspose", DransposeController, DransposeIngester, DransposeWorker, DransposeReducer)


def _serve(name: str, *classes: type[Device]) -> int:
    """Run a server under the name that its devices are registered with, whatever its executable is called."""
    reuse_freed_memory()  # before Tango has threads
    logging.basicConfig(level=(os.environ.get("LOG_LEVEL") or "INFO").upper())
    run(classes, [name, *sys.argv[1:]])
    return 0

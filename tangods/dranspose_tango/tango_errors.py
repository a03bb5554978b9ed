"""What a failed call to Tango means, in a sentence."""

from __future__ import annotations

import tango

_MEANING = {
    "API_CantConnectToDatabase": "no Tango database answers: is it running, and TANGO_HOST right?",
    "API_DatabaseNotUsed": "the name needs a database, or to be written as tango://HOST:PORT/DEVICE#dbase=no",
    "API_TangoHostNotSet": "TANGO_HOST is not set: set it, or give the full name, tango://HOST:PORT/DEVICE",
    "DB_DeviceNotDefined": "the Tango database has no such device: see its name, or `dranspose register` the ensemble",
    "API_DeviceNotExported": "its server does not run",
    "API_DeviceNotDefined": "the Tango database has no such device: see its name, or `dranspose register` the ensemble",
    "API_CantConnectToDevice": "its server does not run, or its host is out of reach",
    "API_ServerNotRunning": "its server does not run",
    "API_DeviceTimedOut": "it does not answer in time",
}


def explain(error: tango.DevFailed) -> str:
    """Return what the error means: by its reason where that is known, or else what the device says."""
    for each in reversed(error.args):
        if each.reason in _MEANING:
            return _MEANING[each.reason]
    return str(error.args[0].desc).strip()

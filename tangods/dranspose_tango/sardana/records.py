"""The records of a Sardana scan, on their way to the ingester that has them as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import tango

from dranspose.data.sardana import HTTP_PATHS
from dranspose_tango.observation import beside, full_name
from dranspose_tango.remote import RemoteController, RemoteError
from dranspose_tango.tango_errors import explain

TIMEOUT = 3.0  # seconds
DESCRIBED = ("serialno", "title", "ref_moveables", "counters", "estimatedtime", "total_scan_intervals")


class RecordsError(Exception):
    """A record does not arrive; the text says where, and why."""


@dataclass(frozen=True, slots=True)
class RecordsStream:
    """The stream that consists of the records of scans.

    Attributes:
        name: of the stream.
        url: where its ingester takes records, such as ``http://127.0.0.1:5050``.
    """

    name: str
    url: str

    def send(self, record: Mapping[str, Any]) -> None:
        """Send a record; it has arrived when this returns.

        Raises:
            RecordsError: it has not.
        """
        address = urlsplit(self.url)
        try:
            with closing(HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)) as connection:
                connection.request("POST", HTTP_PATHS[record["type"]], json.dumps(record, default=_plain))
                response = connection.getresponse()
                reason = response.read().decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise RecordsError(f"no record reaches stream {self.name} at {self.url}: {error}") from None
        if response.status != HTTPStatus.OK:
            raise RecordsError(f"stream {self.name} at {self.url} refuses a record: {reason}")


def records_stream(controller: RemoteController) -> RecordsStream | None:
    """Return the stream of records that a pipeline has, None if no ingester's source is ``sardana``.

    Raises:
        RemoteError: an ingester's properties cannot be read.
    """
    with _explained(controller.name):
        name = full_name(controller.device)
        for ingester in controller.device.ingesters or ():
            found = tango.DeviceProxy(beside(name, ingester)).get_property(["Source", "Streams", "Urls"])
            if list(found["Source"]) == ["sardana"] and found["Urls"]:
                return RecordsStream(found["Streams"][0], found["Urls"][0].rpartition("=")[2])
    return None


def description(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record that begins a scan, from the environment of its data; of its columns those with one number."""
    return {
        "type": "DataDescription",
        **{name: environment.get(name) for name in DESCRIBED},
        "scandir": environment.get("ScanDir"),
        "scanfile": environment.get("ScanFile"),
        "starttime": environment["starttime"].ctime(),
        "column_desc": [column.toDict() for column in scalars(environment)],
    }


def point(environment: Mapping[str, Any], record: Any) -> dict[str, Any]:
    """Return the record of a point: each motor's position by its name, each channel's value by its full name."""
    values = {column.name: record.data.get(column.name) for column in scalars(environment)}
    values.setdefault("timestamp", record.data.get("timestamp"))
    return {"type": "RecordData", **values, "point_nb": record.recordno}


def end(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record that ends a scan."""
    return {"type": "RecordEnd", "endtime": environment["endtime"].ctime(), "deadtime": environment["deadtime"]}


def scalars(environment: Mapping[str, Any]) -> list[Any]:
    """Return the columns of a scan that have a single value in each point."""
    return [column for column in environment["datadesc"] if len(column.shape) == 0]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except tango.DevFailed as error:
        raise RemoteError(f"{name}: {explain(error)}") from None

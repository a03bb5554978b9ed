"""A Sardana that posts the records of a scan over HTTP."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from dranspose.data.sardana import HTTP_PATHS

TIMEOUT = 10.0  # s


def records(points: int) -> Iterator[dict[str, Any]]:
    """Yield the records of a scan of one motor and one counter; at point i they are at ``i / 10`` and at ``i``."""
    yield {
        "type": "DataDescription",
        "serialno": 1,
        "title": f"ascan mot01 0 {points / 10} {points} 0.1",
        "scandir": None,
        "ref_moveables": ["mot01"],
        "counters": ["ct01"],
        "total_scan_intervals": points,
    }
    for point in range(points):
        yield {"type": "RecordData", "timestamp": float(point), "point_nb": point, "mot01": point / 10, "ct01": point}
    yield {"type": "RecordEnd", "deadtime": 0.0}


def post(points: int, url: str, stop: threading.Event, rate: float = 0.0) -> int:
    """Post the records of a scan to a source's URL, such as ``http://127.0.0.1:5050``; return how many were sent.

    Raises:
        OSError: nobody is there, or the source refused a record; the text has its reason.
    """
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)
    begin = time.monotonic()
    with contextlib.closing(connection):
        for sent, record in enumerate(records(points)):
            if stop.wait(max(0.0, begin + sent / rate - time.monotonic()) if rate else 0):
                return sent
            connection.request("POST", HTTP_PATHS[record["type"]], json.dumps(record))
            response = connection.getresponse()
            reason = response.read().decode()
            if response.status != HTTPStatus.OK:
                raise OSError(f"{url} refused record {sent}: {reason}")
    return points + 2

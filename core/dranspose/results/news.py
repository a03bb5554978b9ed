"""What is new in the results that a `NexusReducer` publishes, for clients that come back and want no more than that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a client has read: to give back later, also in another process.

    Attributes:
        scan: the id of the scan.
        arrivals: how many results of it were read.
    """

    scan: str = ""
    arrivals: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """What came after a mark.

    Attributes:
        mark: for the next time.
        is_new_scan: whether the mark was one of another scan; then these are all results of this one.
        events: the numbers of the events, in the order in which their results came.
        values: by name, one for each of these events.
    """

    mark: Mark
    is_new_scan: bool
    events: npt.NDArray[np.int64]
    values: Mapping[str, npt.NDArray[Any]]


def news_since(mark: Mark, file: Any) -> News:
    """Return the results that were published after a mark; after ``Mark()``, all of them.

    Of each scalar only the rows from the first to the last new event are asked for.

    Args:
        mark: that of the news before.
        file: what ``h5pyd.File("/", endpoint=...)`` has opened for this reading.

    Raises:
        OSError: the server cannot be reached, or another scan has begun meanwhile.
        KeyError: it does not serve what a `NexusReducer` publishes.
    """
    entry = file["entry"]
    scan = _scan(entry)
    is_new_scan = scan != mark.scan
    seen = 0 if is_new_scan else mark.arrivals
    arrivals = entry["process/arrivals"]
    if seen == len(arrivals):
        return News(Mark(scan, seen), is_new_scan, np.empty(0, np.int64), {})
    events = arrivals[seen:]
    first, stop = int(events.min()), int(events.max()) + 1
    values = {name: entry["data"][name][first:stop][events - first] for name in arrivals.attrs["columns"]}
    if _scan(entry) != scan:
        raise OSError("another scan has begun while its results were read: read again")
    return News(Mark(scan, seen + len(events)), is_new_scan, events, values)


def _scan(entry: Any) -> str:
    scan: str = entry["entry_identifier_uuid"].asstr()[()]
    return scan

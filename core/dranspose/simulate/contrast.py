"""Scans of Contrast, the acquisition software of MAX IV's imaging beamlines, as it publishes them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np

HEARTBEAT = pickle.dumps({"status": "heartbeat"}, 4)
BETWEEN_HEARTBEATS = 100  # messages


def messages(points: int, scan_number: int = 0, path: str = "") -> Iterator[list[bytes]]:
    """Yield the messages of one scan, signs of life among them.

    Point i is at ``sx`` = i, and has ``pseudo``'s ``x`` = [i] and ``panda0``'s ``PCAP.TS_TRIG_Value`` = [i / 10].
    """
    about: dict[str, Any] = {
        "scannr": scan_number,
        "path": path,
        "description": f"ascan sx 0 {points - 1} {points - 1}",
    }
    yield [HEARTBEAT]
    yield _pickled({**about, "status": "started", "snapshot": {"energy": 12400.0}})
    for point in range(points):
        if point % BETWEEN_HEARTBEATS == BETWEEN_HEARTBEATS - 1:
            yield [HEARTBEAT]
        yield _pickled(
            {
                "sx": float(point),
                "pseudo": {"x": np.array([float(point)])},
                "panda0": {"PCAP.TS_TRIG_Value": np.array([point / 10])},
                "dt": point / 10,
                "status": "running",
            }
        )
    yield _pickled({**about, "status": "finished", "snapshot": {"energy": 12400.0}})
    yield [HEARTBEAT]


def _pickled(fields: dict[str, Any]) -> list[bytes]:
    """Pickle as production does: in protocol 2, with numpy's names from before its version 2."""
    return [pickle.dumps(fields, 2).replace(b"cnumpy._core.", b"cnumpy.core.")]

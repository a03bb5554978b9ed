"""Make the tutorial's capture: a STINS series of nine images of 10x10 uint16, with rings that wander outwards."""

import json
import sys
from pathlib import Path

import numpy as np

from dranspose.capture import CaptureWriter
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.protocol import EventNumber, StreamName

IMAGES = 9
SHAPE = (10, 10)


def rings(phase: float) -> np.ndarray:
    """Return an image of rings around its centre, 0 to 20 counts."""
    y, x = np.indices(SHAPE) - (np.array(SHAPE)[:, None, None] - 1) / 2
    return np.rint(10 + 10 * np.cos(np.hypot(x, y) * 1.6 - phase)).astype(np.uint16)


def series() -> list[list[bytes]]:
    """Return the frames of each packet of the series."""
    start = {"htype": "header", "filename": "output/xrd.h5", "msg_number": 0}
    packets = [[json.dumps(start).encode()]]
    for frame in range(IMAGES):
        header = {
            "htype": "image",
            "frame": frame,
            "shape": list(SHAPE),
            "type": "uint16",
            "compression": "none",
            "msg_number": frame + 1,
        }
        packets.append([json.dumps(header).encode(), rings(phase=0.7 * frame).tobytes()])
    packets.append([json.dumps({"htype": "series_end", "msg_number": IMAGES + 1}).encode()])
    return packets


def main(path: Path) -> None:
    """Write the capture; what is there already goes."""
    path.unlink(missing_ok=True)
    with CaptureWriter(path) as capture:
        for number, frames in enumerate(series()):
            streams = {StreamName("xrd"): StreamData("STINS", list(frames))}
            capture.write(InternalWorkerMessage(EventNumber(number), streams))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data" / "dump_xrd.cbors")

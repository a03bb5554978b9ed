"""Looks at the results of a scan once a second, as `silx view` does when it is told to refresh."""

import sys
import time

import silx.io
from silx.io.nxdata import get_default


def look(url: str) -> None:
    """Read the plot that is drawn by default, and an image."""
    with silx.io.open(url) as file:
        plot = get_default(file)
        if plot is not None and plot.is_valid:
            plot.signal[()], [axis[()] for axis in plot.axes]
        file["entry/data/image"][()]


if __name__ == "__main__":
    look(sys.argv[1])
    print("ready", flush=True)
    while True:
        time.sleep(1)
        look(sys.argv[1])

"""Takes the picture of the panel in the documentation: `python -m tests.panel.picture resources/docs/panel.png`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import tango
from taurus.qt.qtgui.application import TaurusApplication
from tests.free_ports import free_url
from tests.panel.rings import detector, images, rings_apart, trigger_map

from dranspose_tango.remote import RemoteController
from dranspose_tango.taurus.panel import Panel

SHAPE = (240, 320)
IMAGES, RATE = 300, 30.0  # of the scan, and messages per second
SHOWN = 8.0  # seconds into the scan


def main(picture: str) -> None:
    """Run a scan, and save what the panel shows in the midst of it."""
    app = TaurusApplication(["panel"], cmd_line_parser=None)
    url = free_url()
    with tempfile.TemporaryDirectory() as folder, rings_apart(Path(folder), url) as name:
        controller = tango.DeviceProxy(name)
        for end, value in (("x", 100), ("y", 60), ("width", 90), ("height", 60)):
            controller.write_attribute(f"roi_{end}", value)
        controller.UploadParameter(("mask", bytes(SHAPE[0] * SHAPE[1] // 8)))
        panel = Panel(RemoteController(name))
        panel.show()
        with detector(url, images(SHAPE, IMAGES), RATE):
            controller.Arm(trigger_map(IMAGES))
            end_of_show = time.monotonic() + SHOWN
            while time.monotonic() < end_of_show:
                app.processEvents()
                time.sleep(0.01)
            panel.grab().save(picture)
            controller.Abort()
        panel.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

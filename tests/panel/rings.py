"""An ensemble that looks at diffraction rings: what the panel is shown with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import numpy as np
import numpy.typing as npt
from tests.tangods.devices import Ensemble, properties, proxies, running

from dranspose.simulate.player import play
from dranspose_tango.observation import full_name
from dranspose_tango.testing.change_events import PATIENCE

PROJECT = Path(__file__).parents[2]

SHAPE = (60, 80)
IMAGES = 12
SATURATED = 3  # the image at which the worker raises
RINGS = ((0.17, 1.0), (0.29, 0.5), (0.42, 0.8))  # radius, in heights of the image, and intensity

PARAMETERS = """
    IntParameter(name="roi_x", default=20), IntParameter(name="roi_y", default=10),
    IntParameter(name="roi_width", default=30, minimum=5), IntParameter(name="roi_height", default=20),
    FloatParameter(name="threshold", default=0.125), BoolParameter(name="subtract_dark"),
    StrParameter(name="sample", default="LaB6"), BinaryParameter(name="mask", description="pixels to leave out"),
"""
WORKER = """
    from dranspose.data.stream1 import Stream1Data
    from dranspose.middlewares.stream1 import parse
    from dranspose.parameters import BinaryParameter, BoolParameter, FloatParameter, IntParameter, StrParameter

    class Worker:
        def __init__(self, **kwargs):
            pass

        @staticmethod
        def describe_parameters():
            return [{parameters}]

        def process_event(self, event, parameters):
            message = parse(event.streams["xrd"])
            if isinstance(message, Stream1Data):
                if message.frame == {saturated}:
                    raise ValueError(f"frame {{message.frame}} is saturated")
                x, y, width, height = (parameters[f"roi_{{name}}"].value for name in ("x", "y", "width", "height"))
                return message.data, message.data[y : y + height, x : x + width].mean()
"""
REDUCER = """
    import numpy as np

    class Reducer:
        def __init__(self, **kwargs):
            self.sum = 0
            self.means = {}
            self.publish = {"pattern_attrs": {"NX_class": "NXdata", "signal": "intensity", "axes": ["q"]}}

        def process_result(self, result, parameters):
            image, self.means[result.event_number] = result.payload
            self.sum = self.sum + image.astype(float)
            y, x = np.indices(image.shape)
            radius = np.hypot(x - image.shape[1] / 2, y - image.shape[0] / 2).astype(int).ravel()
            pixels = np.bincount(radius)
            self.publish["latest"] = image
            self.publish["latest_attrs"] = {"long_name": "Latest image", "units": "counts"}
            self.publish["sum"] = self.sum
            self.publish["sum_attrs"] = {"long_name": "Sum of all images", "units": "counts"}
            self.publish["pattern"] = {
                "q": 0.05 * np.arange(pixels.size),
                "q_attrs": {"long_name": "q", "units": "1/A"},
                "intensity": np.bincount(radius, self.sum.ravel()) / np.maximum(pixels, 1),
                "intensity_attrs": {"long_name": "Azimuthal average", "units": "counts"},
            }
            self.publish["region"] = np.array([self.means[event] for event in sorted(self.means)])
            self.publish["region_attrs"] = {"long_name": "Mean of the region", "units": "counts"}
            self.publish["images"] = len(self.means)
            self.publish["sample"] = parameters["sample"].value
"""


def write_worker(folder: Path, parameters: str = PARAMETERS) -> None:
    """Write the module of the worker, with these parameters."""
    text = dedent(WORKER).format(parameters=parameters, saturated=SATURATED)
    (folder / "ring_worker.py").write_text(text)


@contextmanager
def rings(folder: Path, url: str) -> Iterator[Ensemble]:
    """Run the ensemble, whose detector is at this URL, in this process and without a database."""
    write_worker(folder)
    (folder / "ring_reducer.py").write_text(dedent(REDUCER))
    with running(properties(folder, "ring_worker:Worker", "ring_reducer:Reducer", url, folder / "state")):
        devices = proxies()
        devices.wait_for_nodes()
        yield devices


def images(shape: tuple[int, int] = SHAPE, count: int = IMAGES) -> list[npt.NDArray[np.uint16]]:
    """Return what the detector sees."""
    y, x = np.indices(shape)
    radius = np.hypot(x - shape[1] / 2, y - shape[0] / 2)
    expected = 1 + 40 * sum(height * np.exp(-(((radius / shape[0] - at) * 60) ** 2)) for at, height in RINGS)
    noise = np.random.default_rng(1)
    return [noise.poisson(expected * (1 + 0.3 * np.sin(i / 5))).astype("u2") for i in range(count)]


@contextmanager
def detector(url: str, seen: list[npt.NDArray[np.uint16]], rate: float = 0.0) -> Iterator[None]:
    """Send images as a STINS detector, so many messages per second."""

    def messages() -> Iterator[list[bytes]]:
        yield [json.dumps({"htype": "header", "filename": "", "msg_number": 0}).encode()]
        for frame, image in enumerate(seen):
            about = {"shape": image.shape, "type": "uint16", "compression": "none"}
            header = {"htype": "image", "frame": frame, "msg_number": frame + 1, **about}
            yield [json.dumps(header).encode(), image.tobytes()]
        yield [json.dumps({"htype": "series_end", "msg_number": len(seen) + 1}).encode()]

    stop, bound = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=play, args=(messages(), url, stop), kwargs={"rate": rate, "bound": lambda url: bound.set()}
    )
    thread.start()
    assert bound.wait(PATIENCE), f"the detector cannot be at {url}"
    try:
        yield
    finally:
        stop.set()
        thread.join()


def trigger_map(count: int = IMAGES) -> str:
    """Return the trigger map of a scan of so many images."""
    return json.dumps({"streams": ["xrd"], "scan": {"nb_points": count}})


@contextmanager
def rings_apart(folder: Path, url: str) -> Iterator[str]:
    """Run the ensemble in a process of its own; give the full name of its controller."""
    command = [sys.executable, "-m", __spec__.name, str(folder), url]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=PROJECT, stdin=-1, stdout=-1, stderr=log, text=True) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            name = next((line.strip() for line in process.stdout if line.startswith("tango://")), "")
            assert name, (folder / "log").read_text()
            yield name
        finally:
            process.stdin.close()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def main(folder: str, url: str) -> None:
    """Run the ensemble, and tell the full name of its controller, until the standard input ends."""
    with rings(Path(folder), url) as devices:
        print(full_name(devices.controller), flush=True)
        os.dup2(2, 1)  # into the log with what Tango writes: nobody reads on, and a full pipe would stop all devices
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

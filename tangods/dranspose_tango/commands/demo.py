"""`dranspose demo`: the tutorial's last stage, live."""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from dranspose_tango.commands.arguments import Commands
from dranspose_tango.commands.arm import wait_for_end
from dranspose_tango.commands.complaints import complaints_of
from dranspose_tango.commands.signals import INTERRUPTED, stopped_by_signals
from dranspose_tango.commands.up import ATTENTION

if TYPE_CHECKING:
    from dranspose_tango.ensemble import Ensemble
    from dranspose_tango.launch import Launch
    from dranspose_tango.remote import Progress

ENSEMBLE = Path(__file__).parents[3] / "resources/ensembles/tutorial.toml"
CAPTURE = "data/dump_xrd.cbors"
POINTS = 9
RATE = 5.0  # messages per second, so that the progress can be seen
RESULTS = "output/xrd_processed.h5"
PICTURE = "output/xrd_processed.png"


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "demo",
        help="run the tutorial's last stage live",
        description="Start the ensemble of the tutorial with a database of its own, let a simulated detector send the "
        "tutorial's images to it, and draw the result.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("--keep", action="store_true", help="keep it running until Ctrl-C")


def _run(options: argparse.Namespace) -> int:
    from dranspose_tango.commands.display import display
    from dranspose_tango.ensemble_file import read_ensemble
    from dranspose_tango.launch import launched

    with (
        complaints_of("demo"),
        stopped_by_signals() as stop,
        launched(_on_free_ports(read_ensemble(ENSEMBLE)), None) as launch,
    ):
        with display() as show:
            while not (stop.is_set() or launch.is_ready):
                launch.attend(ATTENTION)
                show(launch)
                if any(sight.state == "FAULT" for sight in launch.sights):
                    return 1  # what is shown says why
        if stop.is_set():
            return INTERRUPTED
        progress = _scan(launch, stop)
        print(progress.status)
        if not progress.went_well:
            return INTERRUPTED if stop.is_set() else 1
        _draw(launch.ensemble.folder)
        if not options.keep:
            print(f"\nTo keep it running, and be told how to connect to it: {_as_typed('dranspose')} demo --keep")
        else:
            print(_how_to_connect(launch))
            print("press Ctrl-C to end", flush=True)
            with display() as show:
                while not stop.is_set():
                    launch.attend(ATTENTION)
                    show(launch)
    return 0


def _on_free_ports(ensemble: Ensemble) -> Ensemble:
    """Return the ensemble with a URL and a port that nobody uses, whatever else runs on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as detector, socket.create_server(("127.0.0.1", 0)) as http:
        url = f"tcp://127.0.0.1:{detector.getsockname()[1]}"
        (ingester,) = ensemble.ingesters
        return replace(
            ensemble,
            ingesters=(replace(ingester, urls=dict.fromkeys(ingester.urls, (url,))),),
            reducer=replace(ensemble.reducer, http=http.getsockname()[1]),
        )


def _scan(launch: Launch, stop: threading.Event) -> Progress:
    """Let the detector send its images to a scan, and return how that ended."""
    from dranspose.simulate.player import messages, play
    from dranspose_tango.remote import RemoteController

    controller = RemoteController(launch.running.controller_url)
    for name, parameter in controller.parameters().items():
        value = controller.read_parameter(parameter)
        print(f"parameter {name}: {f'{len(value)} bytes' if isinstance(value, bytes) else value}")
    ((url,),) = launch.ensemble.ingesters[0].urls.values()
    scan = controller.arm(json.dumps({"streams": controller.streams, "scan": {"nb_points": POINTS}}))
    print(f"scan {scan} is armed; a detector sends {POINTS} images to {url}", flush=True)
    with ThreadPoolExecutor(1, "detector") as pool:
        detector = pool.submit(play, messages(launch.ensemble.folder / CAPTURE), url, stop, rate=RATE)
        detector.add_done_callback(lambda detector: stop.set() if detector.exception() else None)
        progress = wait_for_end(controller, scan, stop)
    detector.result()
    return progress


def _draw(folder: Path) -> None:
    print(f"results:         {folder / RESULTS}")
    if importlib.util.find_spec("matplotlib") is None:
        print("diffractograms:  install matplotlib to have them drawn")
        return
    subprocess.run([sys.executable, "plot.py", RESULTS, PICTURE], cwd=folder, check=True)  # noqa: S603 - the tutorial's own
    print(f"diffractograms:  {folder / PICTURE}")


def _as_typed(program: str) -> str:
    """Return how a shell in the working directory is told to run a program that is installed with this one."""
    path = Path(sys.executable).with_name(program)
    if shutil.which(program) == str(path):
        return program
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _how_to_connect(launch: Launch) -> str:
    where, controller = launch.running.tango_host, launch.running.controller_url
    return dedent(f"""
        All of Tango can connect to it, from another terminal:
            TANGO_HOST={where} jive
            taurus device {controller}
            {_as_typed("python")} -c 'import tango; print(tango.DeviceProxy("{controller}").status())'
            {_as_typed("dranspose")} status
            {_as_typed("dranspose")} panel
            silx view http://127.0.0.1:{launch.ensemble.reducer.http}/""")

"""`dranspose simulate`: a detector to try things with."""

from __future__ import annotations

import argparse
import sys

from dranspose_tango.commands.arguments import Commands, number
from dranspose_tango.commands.signals import INTERRUPTED, stopped_by_signals


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "simulate", help="be a detector", description="Be a detector that sends series of images."
    )
    detectors = parser.add_subparsers(title="detectors", metavar="DETECTOR", required=True)
    stins = detectors.add_parser(
        "stins",
        help="STINS, over a PUSH socket",
        description="Send series of images as STINS over a PUSH socket, as soon as a receiver is connected.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    stins.set_defaults(run=_run_stins)
    argument = stins.add_argument
    argument("--bind", default="tcp://127.0.0.1:9999", metavar="URL", help="where receivers connect to")
    argument("-n", "--images", type=number(int, 0), default=1000, metavar="N", help="images in a series")
    argument("--shape", type=number(int, 1), nargs="+", default=[32, 32], metavar="N", help="of an image")
    argument("--dtype", default="uint16", help="of its pixels, as numpy names it")
    argument("--compression", choices=["none", "bslz4"], default="none", help="of the images")
    argument(
        "--rate",
        type=number(float, 0),
        default=0.0,
        metavar="HZ",
        help="images per second, 0 for as fast as they are taken",
    )
    argument("--series", type=number(int, 0), default=1, metavar="N", help="how many")
    argument("--pause", type=number(float, 0), default=0.0, metavar="SECONDS", help="between two series")
    argument("--filename", default="", help="what the start packets say")
    faults = stins.add_argument_group("faults, in each series")
    for name, what in (
        ("drop", "images that are not sent"),
        ("duplicate", "images that are sent twice"),
        ("swap", "images that are sent after the next one"),
        ("malformed", "images in the place of which something else is sent"),
    ):
        faults.add_argument(f"--{name}", type=number(int, 0), nargs="+", default=[], metavar="INDEX", help=what)
    faults.add_argument(
        "--end-after", type=number(int, 0), metavar="N", help="number of images after which the series ends"
    )
    faults.add_argument("--extra", type=number(int, 0), default=0, metavar="N", help="images more than there should be")
    faults.add_argument("--no-end", action="store_true", help="send no end packet")
    faults.add_argument(
        "--leftovers", type=number(int, 0), default=0, metavar="N", help="images of an earlier series that come first"
    )


def _run_stins(options: argparse.Namespace) -> int:
    import zmq

    from dranspose.simulate.stins import Faults, StinsDetector
    from dranspose.simulate.stins import simulate as run

    try:
        detector = StinsDetector(
            images=options.images,
            shape=tuple(options.shape),
            dtype=options.dtype,
            compression=options.compression,
            rate=options.rate,
            series=options.series,
            pause=options.pause,
            filename=options.filename,
            faults=Faults(
                drop=frozenset(options.drop),
                duplicate=frozenset(options.duplicate),
                swap=frozenset(options.swap),
                malformed=frozenset(options.malformed),
                end_after=options.end_after,
                extra=options.extra,
                no_end=options.no_end,
                leftovers=options.leftovers,
            ),
        )
        with stopped_by_signals() as stop:
            sent = run(detector, options.bind, stop, lambda url: print(f"waiting for a receiver at {url}", flush=True))
            print(f"{sent} messages sent")
            return INTERRUPTED if stop.is_set() else 0
    except (TypeError, ValueError, zmq.ZMQError) as error:
        sys.stderr.write(f"dranspose simulate: {error}\n")
        return 1

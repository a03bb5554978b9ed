"""`dranspose send`: a capture played out on a real socket, as its detector would."""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

from dranspose_tango.commands.arguments import Commands, number
from dranspose_tango.commands.signals import INTERRUPTED, stopped_by_signals


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "send",
        help="play a capture out as its detector would",
        description="Send the messages of one stream of a capture, as soon as a receiver is connected.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=_run)
    argument = parser.add_argument
    argument(
        "capture",
        type=Path,
        help="what an ingester forwarded, the raw messages of a detector, or images in HDF5 (FILE::PLACE)",
    )
    argument("--stream", help="which one, if the capture has several")
    argument("--bind", default="tcp://127.0.0.1:9999", metavar="URL", help="where receivers connect to")
    sockets = parser.add_mutually_exclusive_group()
    sockets.add_argument("--publish", action="store_true", help="bind a PUB socket, not a PUSH socket")
    sockets.add_argument("--tcp", action="store_true", help="send bytes over TCP, without messages")
    argument(
        "--rate",
        type=number(float, 0),
        default=0.0,
        metavar="HZ",
        help="messages per second, 0 for as fast as they are taken",
    )


def _run(options: argparse.Namespace) -> int:
    import zmq

    from dranspose.capture import CaptureError
    from dranspose.simulate.player import messages, play

    try:
        to_send = messages(options.capture, options.stream)
        first = list(itertools.islice(to_send, 1))  # what is no capture is known before a receiver is waited for
        with stopped_by_signals() as stop:
            sent = play(
                itertools.chain(first, to_send),
                options.bind,
                stop,
                rate=options.rate,
                publish=options.publish,
                tcp=options.tcp,
                bound=lambda url: print(f"waiting for a receiver at {url}", flush=True),
            )
            print(f"{sent} messages sent")
            return INTERRUPTED if stop.is_set() else 0
    except (CaptureError, OSError, ValueError, zmq.ZMQError) as error:
        sys.stderr.write(f"dranspose send: {error}\n")
        return 1

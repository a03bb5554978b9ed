"""`dranspose record`: what a detector sends, written to a file as it comes."""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

from dranspose_tango.commands.arguments import Commands, number
from dranspose_tango.commands.signals import stopped_by_signals


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "record",
        help="write what a detector sends to a file",
        description="Write the messages that a detector sends, in whatever protocol, to a raw capture, until Ctrl-C. "
        "`dranspose send` plays it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=_run)
    argument = parser.add_argument
    argument("url", help="where the detector is, such as tcp://detector:9999")
    argument("file", type=Path, help="is appended to, and compressed if it ends in .gz")
    argument(
        "--socket", choices=["pull", "sub", "tcp"], default="pull", help="to receive with: of ZMQ, or TCP without it"
    )
    argument("--greeting", default="", help=r"what to send first over TCP, such as '\n'")
    argument("-n", "--messages", type=number(int, 1), metavar="N", help="after which to end")


def _run(options: argparse.Namespace) -> int:
    from dranspose.raw_capture import RawCaptureWriter
    from dranspose.record import Kind, received

    count = 0
    try:
        greeting = options.greeting.encode().decode("unicode_escape").encode("latin-1")
        with stopped_by_signals() as stop, RawCaptureWriter(options.file) as capture:
            print(f"recording what {options.url} sends", flush=True)
            messages = received(Kind(options.socket), options.url, stop, greeting)
            for parts in islice(messages, options.messages):
                capture.write(parts)
                count += 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"dranspose record: {error}\n")
        return 1
    finally:
        print(f"{count} messages recorded in {options.file}")
    return 0

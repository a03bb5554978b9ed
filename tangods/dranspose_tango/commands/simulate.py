"""`dranspose simulate`: a detector to try things with."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from dranspose_tango.commands.arguments import Commands, number
from dranspose_tango.commands.signals import INTERRUPTED, stopped_by_signals


def add(commands: Commands) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "simulate", help="be a detector", description="Be a detector that sends series of images."
    )
    detectors = parser.add_subparsers(title="detectors", metavar="DETECTOR", required=True)
    _add_stins(detectors)
    _add_others(detectors)


def _add_stins(detectors: Commands) -> None:
    stins = detectors.add_parser(
        "stins",
        help="STINS, over a PUSH socket",
        description="Send series of images as STINS over a PUSH socket, as soon as a receiver is connected.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    stins.set_defaults(run=_run_stins)
    argument = stins.add_argument
    _add_common(stins)
    argument("-n", "--images", type=number(int, 0), default=1000, metavar="N", help="images in a series")
    argument("--shape", type=number(int, 1), nargs="+", default=[32, 32], metavar="N", help="of an image")
    argument("--dtype", default="uint16", help="of its pixels, as numpy names it")
    argument("--compression", choices=["none", "bslz4"], default="none", help="of the images")
    argument("--series", type=number(int, 0), default=1, metavar="N", help="how many")
    argument("--pause", type=number(float, 0), default=0.0, metavar="SECONDS", help="between two series")
    argument("--filename", default="", help="what the start packets say")
    _add_content(stins, "the image of an index, as an array")
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


def _add_others(detectors: Commands) -> None:
    for name, what, publish, messages in (
        ("albaem", "an AlbaEM electrometer, over a PUB socket", True, _albaem),
        ("contrast", "Contrast, over a PUB socket", True, _contrast),
        ("eiger-legacy", "a DECTRIS detector with stream version 1, over a PUSH socket", False, _eiger_legacy),
        ("lecroy", "a LeCroy oscilloscope, over a PUB socket", True, _lecroy),
        ("xspress3", "an Xspress3, over a PUB socket", True, _xspress3),
        ("pcap", "a PandABox behind a Tango device, over a PUB socket", True, _pcap),
        ("stream2", "a DECTRIS detector with stream version 2, over a PUSH socket", False, _stream2),
    ):
        parser = detectors.add_parser(
            name,
            help=what,
            description=f"Send one scan as {what}, as soon as a receiver is there.",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        parser.set_defaults(run=_run_series, messages=messages, publish=publish)
        _add_common(parser)
        parser.add_argument("-n", "--frames", type=number(int, 0), default=1000, metavar="N", help="in the scan")
        if messages is _xspress3:
            parser.add_argument("--separate", action="store_true", help="send each part of an image as a message")
            parser.add_argument("--channels", type=number(int, 1), default=4, metavar="N", help="spectra in an image")
            parser.add_argument("--filename", default="", help="what the start packet says")
            _add_content(parser, "the spectra of an index, as an array of uint32 of a shape (channels, bins)")
        if messages is _albaem:
            _add_content(parser, "the four currents of an index")
        if messages is _pcap:
            parser.add_argument("--vector", type=number(int, 1), default=15, metavar="N", help="triggers in a message")
            _add_content(parser, "the channels of an index, as a dictionary")
        if messages is _lecroy:
            argument = parser.add_argument
            argument("--channels", type=number(int, 1), nargs="+", default=[2, 4], metavar="N", help="their numbers")
            argument("--samples", type=number(int, 1), default=1000, metavar="N", help="of each trace")
            argument(
                "--triggers", type=number(int, 1), metavar="N", help="of each sequence; continuous mode if not given"
            )
        if messages in (_eiger_legacy, _stream2):
            _add_dectris(parser)
        if messages is _eiger_legacy:
            parser.add_argument(
                "--header-detail", choices=["all", "basic", "none"], default="all", help="of the header"
            )
            parser.add_argument("--appendix", help="is sent with the header and each image")
        if messages is _stream2:
            parser.add_argument("--thresholds", type=number(int, 1), default=1, metavar="N", help="each has its images")
    sardana = detectors.add_parser(
        "sardana",
        help="Sardana, over HTTP",
        description="Post the records of one scan to a source.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    sardana.set_defaults(run=_run_sardana)
    sardana.add_argument("--url", default="http://127.0.0.1:5050", help="where the source listens")
    sardana.add_argument("-n", "--points", type=number(int, 0), default=100, metavar="N", help="in the scan")
    _add_rate(sardana)
    panda = detectors.add_parser(
        "positioncap",
        help="a PandABox, over TCP",
        description="Be a PandABox that is armed as soon as a client asks for data.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    panda.set_defaults(run=_run_positioncap)
    _add_common(panda)
    panda.add_argument("-n", "--triggers", type=number(int, 0), default=1000, metavar="N", help="in each arm")
    panda.add_argument("--arms", type=number(int, 0), default=1, metavar="N", help="how many")
    _add_content(panda, "the values of an index, as a dictionary")


def _add_content(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--content", metavar="MODULE:FUNCTION", help=f"a function that returns {what}")


def _content(options: argparse.Namespace) -> Callable[[int], Any] | None:
    """Return the function that was named, None if a simulator is to use its own."""
    from dranspose.analysis import load_function

    return None if options.content is None else load_function(options.content)


def _add_dectris(parser: argparse.ArgumentParser) -> None:
    argument = parser.add_argument
    argument("--shape", type=number(int, 1), nargs=2, default=[32, 32], metavar="N", help="of an image")
    argument("--dtype", choices=["uint8", "uint16", "uint32"], default="uint32", help="of its pixels")
    argument("--compression", choices=["none", "bslz4", "lz4"], default="bslz4", help="of the images")
    argument("--series", type=number(int, 0), default=1, metavar="N", help="the number of the series")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bind", default="tcp://127.0.0.1:9999", metavar="URL", help="where receivers connect to")
    _add_rate(parser)


def _add_rate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rate",
        type=number(float, 0),
        default=0.0,
        metavar="HZ",
        help="messages per second, 0 for as fast as they are taken",
    )


def _albaem(options: argparse.Namespace) -> Iterator[list[bytes]]:
    from dranspose.simulate.albaem import messages

    return messages(options.frames, _content(options))


def _eiger_legacy(options: argparse.Namespace) -> Iterator[list[bytes]]:
    from dranspose.simulate.eiger_legacy import messages

    return messages(
        options.frames,
        tuple(options.shape),
        options.dtype,
        options.compression,
        options.header_detail,
        options.series,
        options.appendix,
    )


def _lecroy(options: argparse.Namespace) -> Iterator[list[bytes]]:
    from dranspose.data.lecroy import CONTINUOUS
    from dranspose.simulate.lecroy import messages

    return messages(options.frames, options.channels, options.samples, options.triggers or CONTINUOUS)


def _stream2(options: argparse.Namespace) -> Iterator[list[bytes]]:
    from dranspose.simulate.stream2 import messages

    return messages(
        options.frames,
        tuple(options.shape),
        options.dtype,
        options.compression,
        options.thresholds,
        options.series,
    )


def _contrast(options: argparse.Namespace) -> Iterator[list[bytes]]:
    from dranspose.simulate.contrast import messages

    return messages(options.frames)


def _xspress3(options: argparse.Namespace) -> Iterator[list[bytes]]:
    from dranspose.simulate.xspress3 import messages

    return messages(
        options.frames, options.channels, options.filename, separate=options.separate, content=_content(options)
    )


def _pcap(options: argparse.Namespace) -> Iterator[list[bytes]]:
    from dranspose.simulate.pcap import messages

    return messages(options.frames, options.vector, content=_content(options))


def _run_series(options: argparse.Namespace) -> int:
    from dranspose.simulate.player import play

    return _simulated(
        lambda stop: play(
            options.messages(options), options.bind, stop, rate=options.rate, publish=options.publish, bound=_tell_where
        )
    )


def _run_sardana(options: argparse.Namespace) -> int:
    from dranspose.simulate.sardana import post

    return _simulated(lambda stop: post(options.points, options.url, stop, options.rate))


def _run_positioncap(options: argparse.Namespace) -> int:
    from itertools import chain
    from urllib.parse import urlsplit

    from dranspose.simulate.positioncap import arm, serve

    def run(stop: threading.Event) -> int:
        url = urlsplit(options.bind.replace("//*", "//0.0.0.0"))
        content = _content(options)
        to_send = chain.from_iterable(arm(options.triggers, content) for _ in range(options.arms))
        return serve(to_send, (url.hostname or "", url.port or 0), stop, rate=options.rate, bound=_tell_where)

    return _simulated(run)


def _run_stins(options: argparse.Namespace) -> int:
    from dranspose.simulate.stins import Faults, StinsDetector, simulate

    def run(stop: threading.Event) -> int:
        detector = StinsDetector(
            images=options.images,
            shape=tuple(options.shape),
            dtype=options.dtype,
            compression=options.compression,
            rate=options.rate,
            series=options.series,
            pause=options.pause,
            filename=options.filename,
            content=_content(options),
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
        return simulate(detector, options.bind, stop, _tell_where)

    return _simulated(run)


def _tell_where(url: str) -> None:
    print(f"waiting for a receiver at {url}", flush=True)


def _simulated(run: Callable[[threading.Event], int]) -> int:
    """Run a detector until it has sent everything, or is told to stop; return the exit status."""
    import zmq

    from dranspose.analysis import AnalysisError, UserCodeError

    try:
        with stopped_by_signals() as stop:
            sent = run(stop)
            print(f"{sent} messages sent")
            return INTERRUPTED if stop.is_set() else 0
    except (AnalysisError, UserCodeError, OSError, TypeError, ValueError, zmq.ZMQError) as error:
        sys.stderr.write(f"dranspose simulate: {error}\n")
        return 1

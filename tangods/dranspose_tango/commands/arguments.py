"""Kinds of arguments that commands take."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name


def number(kind: type[float], least: float, most: float = math.inf) -> Callable[[str], float]:
    """Return what takes a text for a number of this kind, from `least` to `most`."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            limits = f"{least} or more" if most == math.inf else f"{least} to {most}"
            raise argparse.ArgumentTypeError(f"{text!r} is no {kind.__name__} of {limits}")
        return value

    return parse

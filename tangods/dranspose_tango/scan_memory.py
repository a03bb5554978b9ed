"""The scan in hand, in a file: a controller that was ended in the middle of it knows that when it starts again."""

from __future__ import annotations

import logging
from pathlib import Path

logger = logging.getLogger(__name__)

FILE = "%scan"
"""In the folder of a `ParameterMemory`, no parameter has this name: it is not percent-encoded."""


class ScanMemory:
    """The scan in hand, in a folder, which is made when there is something to remember; what cannot be is said."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def recall(self) -> str:
        """Return the id of the scan that was begun and never came to an end, empty if there is none."""
        try:
            return self._file.read_text()
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            logger.error("whether a scan was cut off is not known: %s", error)
            return ""

    def remember(self, scan: str) -> None:
        """Take note that a scan has begun."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(scan)
        except OSError as error:
            logger.warning("should the controller be ended, it will not know of scan %s: %s", scan, error)

    def forget(self) -> None:
        """Take note that the scan has come to an end, or that its loss is known."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("the scan that is over is still remembered: %s", error)

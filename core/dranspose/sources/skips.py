"""What a source could not make a packet of: counted, and told to the log once in a while."""

from __future__ import annotations

import logging
import time

from dranspose.protocol import StreamName
from dranspose.sources.packet import Skipped

logger = logging.getLogger(__name__)

SHOWN_BYTES = 32
LOG_INTERVAL = 1.0  # seconds


class Skips:
    """The skipped messages of one stream.

    Args:
        stream: whose messages these are.
        origin: where they come from, as the log says it.

    Attributes:
        count: how many were skipped so far.
    """

    def __init__(self, stream: StreamName, origin: str) -> None:
        self.count = 0
        self._stream = stream
        self._origin = origin
        self._next_log = 0.0

    def skip(self, reason: str, message: bytes) -> Skipped:
        """Count a message, of which the first bytes are kept."""
        self.count += 1
        skipped = Skipped(self._stream, reason, message[:SHOWN_BYTES])
        if (now := time.monotonic()) >= self._next_log:
            self._next_log = now + LOG_INTERVAL
            logger.warning(
                "stream %r from %s: skipped a message (%d so far), which begins with %r: %s",
                self._stream, self._origin, self.count, skipped.first_bytes, reason,
            )  # fmt: skip
        return skipped

"""Processes that are not this one's children."""

from __future__ import annotations

import os
import select
from pathlib import Path

TIMEOUT = 60  # seconds; only a test that fails ever waits for so long


def wait_for_end(pid: int) -> None:
    """Wait for the end of a process of anybody."""
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        readable, _, _ = select.select([end], [], [], TIMEOUT)
        assert readable, f"process {pid} is left over: {Path(f'/proc/{pid}/cmdline').read_text()}"
    finally:
        os.close(end)

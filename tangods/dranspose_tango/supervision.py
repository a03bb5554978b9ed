"""Programs that run together: started, started again when they end, and stopped with nothing left over."""

from __future__ import annotations

import logging
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dranspose_tango import tether

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds that a program has for ending in good order
LONGEST_PAUSE = 30.0  # seconds before a program that ends again and again is started again
SOUND_AFTER = 60.0  # seconds after which a program counts as one that works


def pause_before(deaths: int) -> float:
    """Return how many seconds to wait before the next start after so many quick deaths in a row: 0, 1, 2, 4, ..."""
    return 0.0 if deaths <= 1 else min(2.0 ** min(deaths - 2, 10), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be run.

    Attributes:
        name: what it is called in messages; unique.
        command: executable and arguments.
        log: the file that what it prints is added to.
        folder: where it works.
        environment: variables beside those of this process.
    """

    name: str
    command: Sequence[str]
    log: Path
    folder: Path
    environment: Mapping[str, str]


class _Child:
    """A program with its process, and how often it was started again."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.restarts = 0
        self.due = 0.0  # when it is to be started again, on the monotonic clock, if it is not alive
        self._deaths = 0
        self.start()

    def start(self) -> None:
        with self.program.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the command is the ensemble's own
                [sys.executable, "-IS", tether.__file__, str(os.getpid()), *self.program.command],
                cwd=self.program.folder,
                env={**os.environ, **self.program.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # the terminal's Ctrl-C is for this process, which then stops them all
            )
        self.end = os.pidfd_open(self.process.pid)  # becomes readable at the end of the process
        self.alive = True
        self._started = time.monotonic()

    def bury(self) -> None:
        """Take note of the end of the process; what it started itself ends with it."""
        os.killpg(self.process.pid, signal.SIGKILL)  # before wait, until which nobody else can have its number
        self.process.wait()
        os.close(self.end)
        self.alive = False

    def plan_restart(self) -> None:
        now = time.monotonic()
        self._deaths = 1 if now - self._started >= SOUND_AFTER else self._deaths + 1
        pause = pause_before(self._deaths)
        self.due = now + pause
        self.restarts += 1
        logger.warning(
            "%s %s; it starts again %s (its log: %s)",
            self.program.name,
            _how_it_ended(self.process.returncode),
            f"in {pause:.0f} s" if pause else "at once",
            self.program.log,
        )


class Supervisor:
    """Runs programs until it is closed; all methods are for the main thread, which the tether of a program holds to."""

    def __init__(self) -> None:
        self._groups: list[list[_Child]] = []
        self._children: dict[str, _Child] = {}
        self._ends = selectors.DefaultSelector()

    def start(self, programs: Iterable[Program]) -> None:
        """Start programs, all at the same time; what is started in a later call is stopped earlier."""
        group: list[_Child] = []
        self._groups.append(group)
        for program in programs:
            child = _Child(program)
            group.append(child)
            self._children[program.name] = child
            self._ends.register(child.end, selectors.EVENT_READ, child)

    def attend(self, timeout: float) -> None:
        """Wait for so many seconds, or until programs end; start those again that have ended and whose time it is."""
        for child in self._ended(timeout):
            child.plan_restart()
        for child in self._children.values():
            if not child.alive and child.due <= time.monotonic():
                child.start()
                self._ends.register(child.end, selectors.EVENT_READ, child)

    def replace(self, program: Program) -> None:
        """From its next start on, let this program take the place of the one of the same name."""
        self._children[program.name].program = program

    def pid(self, name: str) -> int:
        """Return the process id of a program, the last one if it has ended."""
        return self._children[name].process.pid

    def restarts(self, name: str) -> int:
        """Return how often a program was, or is to be, started again."""
        return self._children[name].restarts

    def close(self) -> None:
        """Stop all programs: SIGTERM, and SIGKILL for those that take too long."""
        while self._groups:
            self._stop(self._groups.pop())
        self._ends.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _stop(self, group: Sequence[_Child]) -> None:
        for number, patience in ((signal.SIGTERM, PATIENCE), (signal.SIGKILL, math.inf)):
            deadline = time.monotonic() + patience
            for child in group:
                if child.alive:
                    signal.pidfd_send_signal(child.end, number)
            while any(child.alive for child in group) and time.monotonic() < deadline:
                self._ended(min(deadline - time.monotonic(), PATIENCE))

    def _ended(self, timeout: float) -> list[_Child]:
        """Return the children that have ended, waiting for so many seconds for one."""
        ended = [key.data for key, _ in self._ends.select(timeout)]
        for child in ended:
            self._ends.unregister(child.end)
            child.bury()
        return ended


def _how_it_ended(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

"""Agreement: the ingesters hold, tell how far they are, and go on with a change from an event that none has reached."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from dranspose.scheduling.stimuli import ChangeParameters, Held, Stop

Change = ChangeParameters | Stop


class Agreement:
    """The changes that these ingesters are to agree on, one after the other."""

    def __init__(self, ingesters: Iterable[str]) -> None:
        self._ingesters = set(ingesters)
        self._changes: deque[Change] = deque()
        self._silent: set[str] = set()  # have not answered
        self._hold: int | None = None  # the number of the hold that is on
        self._holds = 0
        self._event = 0

    def seek(self, change: Change) -> None:
        """Put a change behind those that wait."""
        self._changes.append(change)

    def begin(self) -> int | None:
        """Return the number of a new hold if there is a change to agree on and no hold yet."""
        if self._hold is not None or not self._changes:
            return None
        self._holds += 1
        self._hold, self._event = self._holds, 0
        self._silent = set(self._ingesters)
        return self._hold

    def held(self, answer: Held) -> None:
        """Take in an answer; one to an earlier hold, or a repeated one, is ignored."""
        if answer.hold == self._hold and answer.ingester in self._silent:
            self._silent.discard(answer.ingester)
            self._event = max(self._event, answer.next_event)

    def lost(self, ingester: str) -> None:
        """Go on without an ingester."""
        self._ingesters.discard(ingester)
        self._silent.discard(ingester)

    def reached(self) -> tuple[Change, int] | None:
        """Return the change that all have answered to and the event that it takes effect at, once."""
        if self._hold is None or self._silent:
            return None
        self._hold = None
        return self._changes.popleft(), self._event

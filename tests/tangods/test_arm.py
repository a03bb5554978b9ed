"""What `dranspose arm --wait` says while it waits."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from dranspose_tango.commands import arm
from dranspose_tango.remote import Progress


def test_who_waits_in_vain_is_told_once_where_to_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(arm, "PATIENCE", 0.0)
    monkeypatch.setattr(arm, "LOOK_INTERVAL", 0.001)
    nothing, some = (Progress("a", "RUNNING", "in a scan", completed, 9) for completed in (0, 1))
    over = Progress("a", "STANDBY", "ready for a scan", 9, 9)
    progress = iter([nothing, nothing, nothing, some, some, some, over])
    controller: Any = SimpleNamespace(name="controller", progress=lambda: next(progress))
    assert arm.wait_for_end(controller, "a", threading.Event()) is over
    told = [line for line in capsys.readouterr().out.splitlines() if "is the detector sending?" in line]
    assert len(told) == 2  # before the first event, and again after it

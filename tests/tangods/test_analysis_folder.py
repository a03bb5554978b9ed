"""Analysis code that several devices of one process load, and load anew."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace

import pytest

from dranspose.analysis import UserCodeError, load_class
from dranspose_tango.analysis_folder import AnalysisFolder

GOOD = "class Worker: pass"
BROKEN = "raise OSError('no such library')"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the module `reloaded`, which is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path / "reloaded.py"
    sys.modules.pop("reloaded", None)


def change(module: Path, text: str) -> None:
    module.write_text(text)
    soon = time.time() + 1  # the clocks of file systems are coarse
    os.utime(module, (soon, soon))


def load(analysis: AnalysisFolder, module: Path, user: str) -> type:
    with analysis.loading(str(module.parent), user):
        return load_class("reloaded:Worker")


def test_all_have_the_same_class_after_one_that_could_not_be_imported(module: Path) -> None:
    analysis = AnalysisFolder()
    module.write_text(BROKEN)
    for worker in "worker-1", "worker-2":
        with pytest.raises(UserCodeError):
            load(analysis, module, worker)
    module.write_text(GOOD)
    assert load(analysis, module, "worker-1") is load(analysis, module, "worker-2")


def test_what_one_is_importing_another_does_not_forget(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = AnalysisFolder()
    module.write_text(GOOD)
    load(analysis, module, "worker-1")
    others: list[Future[type]] = []
    with ThreadPoolExecutor() as threads:

        def meanwhile() -> None:
            change(module, GOOD)
            others.append(threads.submit(load, analysis, module, "worker-2"))
            wait(others, timeout=0.5)  # as long as it could do harm

        monkeypatch.setitem(sys.modules, "test_gate", SimpleNamespace(meanwhile=meanwhile))
        change(module, f"import test_gate; test_gate.meanwhile()\n{GOOD}")
        assert load(analysis, module, "worker-1").__name__ == "Worker"
        assert others[0].result().__name__ == "Worker"

"""What the tests of analyses share: a working directory for code that is found and imported by its name."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

WriteModule = Callable[[str, str], Path]


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Return what writes a Python file under a new working directory; what is imported from it is forgotten again."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(name: str, code: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(code))
        return path

    yield write
    for name in set(sys.modules) - known:
        if any(place.startswith(str(tmp_path)) for place in _places(name)):
            del sys.modules[name]


def _places(name: str) -> list[str]:
    module = sys.modules[name]
    return [*getattr(module, "__path__", []), getattr(module, "__file__", None) or ""]

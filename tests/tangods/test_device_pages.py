"""The pages about the devices are what the classes say of themselves."""

from __future__ import annotations

import runpy
from pathlib import Path


def test_the_pages_are_current(project: Path) -> None:
    documents = project / "resources/docs"
    pages = dict(runpy.run_path(str(documents / "device_pages.py"))["pages"]())
    assert set(pages) == set((documents / "devices").iterdir())
    for path, text in pages.items():
        assert path.read_text() == text, "python resources/docs/device_pages.py writes them anew"
        assert text.count("\n## ") == 4
        assert "`FAULT`" in text
        assert "No description" not in text
        assert "| |\n" not in text, "the last column of each table has what something means"

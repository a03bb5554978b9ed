"""The systemd unit in the documents is one, for each of the four servers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SERVERS = ("DransposeController", "DransposeIngester", "DransposeWorker", "DransposeReducer")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze to check units with")
def test_systemd_takes_the_unit(project: Path, tmp_path: Path) -> None:
    operations = (project / "resources/docs/operations.md").read_text()
    (unit,) = re.findall(r"```ini\n(.*?)```", operations, re.DOTALL)
    for server in SERVERS:
        file = tmp_path / f"{server}@.service"
        file.write_text(unit.replace("/opt/dranspose/bin", str(Path(sys.executable).parent)))
        command = ("systemd-analyze", "verify", file.with_name(f"{server}@tutorial.service"))
        checked = subprocess.run(command, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")

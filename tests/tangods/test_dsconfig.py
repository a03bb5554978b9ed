"""The example for dsconfig is the tutorial's ensemble, and dsconfig writes what ``dranspose register`` would."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

from dranspose_tango.database import connect, start_embedded
from dranspose_tango.ensemble_file import read_ensemble
from dranspose_tango.registration import differences, to_dsconfig
from dranspose_tango.supervision import Supervisor

WRITTEN = 2  # what json2tango ends with


def test_the_example_is_current_and_writes_the_ensemble(project: Path, tmp_path: Path) -> None:
    example = project / "resources/dsconfig/tutorial.json"
    ensemble = read_ensemble(project / "resources/ensembles/tutorial.toml")
    ensemble = dataclasses.replace(ensemble, folder=Path("/opt/analysis/tutorial"))
    assert json.loads(example.read_text()) == to_dsconfig(ensemble)
    with Supervisor() as supervisor:
        tango_host = start_embedded(supervisor, tmp_path)
        json2tango = Path(sys.executable).with_name("json2tango")
        environment = {**os.environ, "TANGO_HOST": tango_host, "TMPDIR": str(tmp_path)}
        written = subprocess.run([json2tango, "--write", example], env=environment, capture_output=True, text=True)
        assert written.returncode == WRITTEN, written
        assert list(differences(connect(tango_host), ensemble)) == []

"""The code in the documents does what they say: each block runs, in the folder of the tutorial."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from tests.tangods.devices import running

from dranspose_tango.ensemble_file import read_ensemble

PROJECT = Path(__file__).parents[2]
DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "resources").glob("**/*.md"))]


@pytest.fixture
def tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the devices of the tutorial, in a copy of its folder, which is the working directory."""
    for part in ("ensembles", "tutorial"):
        ignore = shutil.ignore_patterns("output", "__pycache__")
        shutil.copytree(PROJECT / "resources" / part, tmp_path / part, ignore=ignore)
    monkeypatch.chdir(tmp_path / "tutorial")
    for variable in ("XDG_STATE_HOME", "TMPDIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    ensemble = read_ensemble(tmp_path / "ensembles/tutorial.toml")
    ensemble = replace(ensemble, reducer=replace(ensemble.reducer, http=None))
    with running(
        {device.name: {key: list(values) for key, values in device.properties.items()} for device in ensemble.devices}
    ):
        yield


def run_commands(example: Example) -> None:
    """Run each line that begins with a prompt; it has to end with status 0."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment["TANGO_HOST"] = example.namespace["tango_host"]
    for line in example.parsed.splitlines():
        if line.startswith("$ "):
            subprocess.run(["bash", "-euc", line[2:]], env=environment, check=True)


def check_ensemble(example: Example) -> None:
    Path("ensemble.toml").write_text(example.parsed)
    read_ensemble(Path("ensemble.toml"))


PARSERS = (
    PythonCodeBlockParser(),
    CodeBlockParser("console", run_commands),
    CodeBlockParser("toml", check_ensemble),
    CodeBlockParser("json", lambda example: json.loads(example.parsed) and None),
)


@pytest.mark.usefixtures("tutorial")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_code_blocks_of_a_document_run(path: Path, tango_database: str) -> None:
    document = Document.parse(str(path), *PARSERS)
    document.namespace["tango_host"] = tango_database
    for example in document.examples():
        example.evaluate()

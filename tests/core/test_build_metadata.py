"""The metadata of an image is read where it is, and never keeps a node from starting."""

from __future__ import annotations

import json

import pytest

from dranspose.build_metadata import read_build_metadata
from dranspose.protocol import BuildMetadata

FIELDS = {
    "commit_hash": "0123abc",
    "branch_name": "main",
    "timestamp": "2025-01-02T03:04:05Z",
    "repository_url": "https://example.org/analysis",
}


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "build.json"
    monkeypatch.setenv("BUILD_META_FILE", str(path))
    return path


def test_the_file_is_read(file):
    file.write_text(json.dumps({**FIELDS, "more": 1}))
    assert read_build_metadata() == BuildMetadata(**FIELDS)


def test_no_file_is_no_metadata_and_no_warning(file, caplog):
    assert read_build_metadata() is None
    assert not caplog.records


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', '{"commit_hash": "0123abc"}', b"\xff\xfe\xff"])
def test_a_damaged_file_is_left_out_with_a_warning(file, caplog, text):
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert read_build_metadata() is None
    assert str(file) in caplog.text

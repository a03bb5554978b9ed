"""What the hooks are told about their node and their parameters."""

from __future__ import annotations

import dataclasses

import pytest

from dranspose.protocol import BuildMetadata, ReducerState, VirtualWorker, WorkerState, WorkParameter


def test_a_worker_is_generic_unless_told_otherwise():
    assert WorkerState("worker1", "1.0").tags == {"generic"}
    assert WorkerState("worker1", "1.0", tags=frozenset({"gpu"})).tags == {"gpu"}


def test_a_virtual_worker_is_generic_and_a_broadcast_unless_told_otherwise():
    assert VirtualWorker() == (frozenset({"generic"}), None)
    assert VirtualWorker(constraint=3).constraint == 3


def test_each_node_has_an_identity_of_its_own():
    assert ReducerState("reducer", "1.0").service_uuid != ReducerState("reducer", "1.0").service_uuid


def test_the_build_of_the_analysis_is_known_where_there_is_one():
    build = BuildMetadata("abc", "main", "2025-01-01", "https://example.org/analysis")
    assert ReducerState("reducer", "1.0").mapreduce_version is None
    assert ReducerState("reducer", "1.0", mapreduce_version=build).mapreduce_version.commit_hash == "abc"


def test_parameters_with_the_same_content_are_equal():
    assert WorkParameter("a", b"1", 1) == WorkParameter("a", b"1", 1)
    assert WorkParameter("a", b"1", 1) != WorkParameter("a", b"2", 2)


def test_a_parameter_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        WorkParameter("a", b"1").data = b"2"

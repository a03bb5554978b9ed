"""The names and small value types that analysis code and all parts of the pipeline share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, NewType, Protocol
from uuid import UUID, uuid4

StreamName = NewType("StreamName", str)
ParameterName = NewType("ParameterName", str)
EventNumber = NewType("EventNumber", int)
WorkerName = NewType("WorkerName", str)
WorkerTag = NewType("WorkerTag", str)
HashDigest = NewType("HashDigest", str)
"""Hexadecimal SHA-256 of one version of all parameters."""

ParameterValue = int | float | str | bool | bytes

GENERIC_TAG = WorkerTag("generic")
"""The tag that workers and virtual workers have unless told otherwise."""


class VirtualWorker(NamedTuple):
    """Whom a frame is for: one worker with the tags for all frames of a constraint; with None, every such worker."""

    tags: frozenset[str] = frozenset({GENERIC_TAG})
    constraint: int | None = None


@dataclass(frozen=True, slots=True)
class WorkParameter:
    """One parameter as the hooks see it.

    ``value`` is typed as the parameter was described, and None where no class describes a parameter of this name;
    ``data`` is the same as it was given, in bytes.
    """

    name: ParameterName
    data: bytes
    value: ParameterValue | None = None
    uuid: UUID = field(default_factory=uuid4, compare=False)


@dataclass(frozen=True, slots=True)
class BuildMetadata:
    """Where the analysis code comes from, as its container image tells."""

    commit_hash: str
    branch_name: str
    timestamp: str
    repository_url: str


class Routing(Protocol):
    """The trigger map of a scan, as the hooks see it."""

    def to_json(self) -> dict[str, Any]:
        """Return it as it is given when a scan is armed; a large one takes seconds."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """What a node tells the user's class about itself, and about the scan; a replay has no trigger map."""

    name: str
    dranspose_version: str
    service_uuid: UUID = field(default_factory=uuid4)
    mapping_uuid: UUID | None = None
    mapreduce_version: BuildMetadata | None = None
    trigger_map: Routing | None = None


@dataclass(frozen=True, slots=True)
class WorkerState(NodeState):
    """The ``state`` argument of a worker class."""

    tags: frozenset[WorkerTag] = frozenset({GENERIC_TAG})


@dataclass(frozen=True, slots=True)
class ReducerState(NodeState):
    """The ``state`` argument of a reducer class."""

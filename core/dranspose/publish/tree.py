"""The rules by which a nested dict is an HDF5 tree.

A dict is a group and any other value a dataset. A dict under the key ``<x>_attrs`` holds the attributes of its sibling
``x``, the one under ``_attrs`` at the top those of the root group. What has no form in HDF5 is left out, and a warning
says so.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, TypeVar

from dranspose.publish.values import Array, UnpublishableError, as_array

logger = logging.getLogger(__name__)

T = TypeVar("T")

ATTRIBUTES_SUFFIX = "_attrs"

MAX_ATTRIBUTE_BYTES = 0xF000
"""The value's share of an attribute, a message of less than 64 KiB (HDF5 file format specification, IV.A.1)."""

TEXT_REFERENCE_BYTES = 16
"""What an attribute holds of a text of variable length: its length and its place in the file."""

READ_ATTEMPTS = 100


class Omissions:
    """What is left out of a tree: each path and reason is logged as a warning, once."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, str]] = set()

    def add(self, what: str, reason: object) -> None:
        """Warn that ``what`` is not in the tree, unless that was said before."""
        if (what, str(reason)) not in self._logged:
            self._logged.add((what, str(reason)))
            logger.warning("%s is not published: %s", what, reason)


@dataclass(frozen=True, slots=True)
class Node:
    """A group or a dataset of the tree, as a view of the published dict.

    Other threads may change the dict meanwhile: each dict is read in one step, and a reading that a change disturbed is
    done again. Arrays are those of the published dict, not copies.
    """

    path: str
    value: Any
    raw_attributes: Mapping[Any, Any]
    omissions: Omissions
    ancestors: tuple[object, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def is_group(self) -> bool:
        """Whether this is a group; otherwise it is a dataset."""
        return isinstance(self.value, Mapping)

    def descendant(self, path: str) -> "Node":
        """Follow a path from here, such as ``/detector/image``.

        Raises:
            KeyError: nothing is there.

        """
        node = self
        for name in filter(None, path.split("/")):
            if not node.is_group:
                raise KeyError(path)
            node = node._child(node.value, name)
        return node

    def entries(self) -> Iterator["Node"]:
        """Go through what is in this group; a dataset's value may yet prove to have no form in HDF5."""
        members = _snapshot(self.value)
        for key, value in members.items():
            if isinstance(key, str) and key.endswith(ATTRIBUTES_SUFFIX) and isinstance(value, Mapping):
                owner = key.removesuffix(ATTRIBUTES_SUFFIX)
                if owner not in members and (self.path, owner) != ("/", ""):
                    self._omit(key, f"it would hold attributes, but there is no {owner!r} beside it")
            elif problem := _name_problem(key):
                self._omit(key, problem)
            elif any(value is group for group in (*self.ancestors, self.value)):
                self._omit(key, "it is the dict of a group that it is in")
            else:
                yield self._child(members, key)

    def walk(self) -> Iterator["Node"]:
        """Go through this node, its entries and theirs."""
        yield self
        if self.is_group:
            for entry in self.entries():
                yield from entry.walk()

    def children(self) -> dict[str, "Node"]:
        """Give the groups and datasets in this group by name, in the order of the dict."""
        return {entry.name: entry for entry in self.entries() if entry.is_group or entry.has_array()}

    def array(self) -> Array | None:
        """Give the value of this dataset, None for a dataset without value.

        Raises:
            UnpublishableError: there is no HDF5 type for it.

        """
        return _undisturbed(lambda: as_array(self.value))

    def has_array(self) -> bool:
        """Whether there is an HDF5 type for this dataset; if not, that is said."""
        try:
            self.array()
        except UnpublishableError as error:
            self.omissions.add(self.path, error)
            return False
        return True

    def attributes(self) -> dict[str, Array | None]:
        """Give the attributes of this group or dataset by name."""
        arrays: dict[str, Array | None] = {}
        for name, value in _snapshot(self.raw_attributes).items():
            try:
                arrays[name] = _attribute(name, value)
            except UnpublishableError as error:
                self.omissions.add(f"attribute {name!r} of {self.path}", error)
        return arrays

    def _omit(self, key: object, reason: str) -> None:
        self.omissions.add(_join(self.path, key), reason)

    def _child(self, members: Mapping[Any, Any], name: str) -> "Node":
        attributes = members.get(name + ATTRIBUTES_SUFFIX)
        return Node(
            _join(self.path, name),
            members[name],
            attributes if isinstance(attributes, Mapping) else {},
            self.omissions,
            (*self.ancestors, self.value),
        )


def root(publish: Mapping[Any, Any], omissions: Omissions) -> Node:
    """Give the root group of the tree that a published dict makes."""
    attributes = publish.get(ATTRIBUTES_SUFFIX)
    return Node("/", publish, attributes if isinstance(attributes, Mapping) else {}, omissions)


def _join(path: str, key: object) -> str:
    return f"{path.rstrip('/')}/{key if isinstance(key, str) else repr(key)}"


def _name_problem(key: object) -> str:
    if not _is_name(key):
        return "the name of a group or dataset must be text"
    if "/" in key:
        return "a '/' in a name separates groups: publish nested dicts"
    if key in (".", ".."):
        return "it means another group in a path"
    return ""


def _is_name(key: object) -> TypeGuard[str]:
    # characters that are no valid Unicode do not survive the encoding
    return isinstance(key, str) and key != "" and "\0" not in key and key == key.encode(errors="ignore").decode()


def _attribute(name: object, value: object) -> Array | None:
    if not _is_name(name):
        raise UnpublishableError("the name of an attribute must be text")
    array = _undisturbed(lambda: as_array(value))
    if array is None:
        return None
    if array.size * (TEXT_REFERENCE_BYTES if array.dtype.hasobject else array.itemsize) > MAX_ATTRIBUTE_BYTES:
        raise UnpublishableError(f"an attribute has at most {MAX_ATTRIBUTE_BYTES} bytes: publish a dataset")
    if array.dtype.kind == "V" and not array.dtype.names:
        raise UnpublishableError("an attribute is numbers or text: publish opaque bytes as a dataset")
    if array.dtype.kind == "S":
        try:
            b"".join(array.flat).decode()
        except UnicodeDecodeError as error:
            raise UnpublishableError("an attribute is numbers or text: publish other bytes as a dataset") from error
    return array


def _snapshot(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    return _undisturbed(lambda: dict(mapping))


def _undisturbed(read: Callable[[], T]) -> T:
    """Read what other threads may change: numpy and dict raise RuntimeError when something changes there."""
    for _ in range(READ_ATTEMPTS):
        try:
            return read()
        except RuntimeError as error:
            disturbance = error
    raise UnpublishableError(f"it cannot be read: {disturbance}")

"""Parameters: what an analysis class describes, their values as bytes, and versions of the whole set."""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from dranspose.protocol import HashDigest, ParameterName, ParameterValue, WorkParameter

T = TypeVar("T", int, float, str, bool, bytes)
N = TypeVar("N", int, float)

SHOWN_LENGTH = 60


class ParameterError(ValueError):
    """A value does not fit the type or the limits of its parameter, or descriptions contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(ABC, Generic[T]):
    """The description of one parameter, as the static ``describe_parameters`` of a Worker or Reducer returns it.

    Raises:
        ParameterError: the default is not of the parameter's type, or beyond its limits.
    """

    dtype: ClassVar[str]

    name: str
    description: str | None = None
    unit: str = ""
    default: T

    def __post_init__(self) -> None:
        try:
            data = self.to_bytes(self.default)
        except (AttributeError, TypeError, UnicodeEncodeError):
            raise ParameterError(
                f"parameter {self.name!r} ({self.dtype}): the default {self.default!r:.80} is not {self.dtype}"
            ) from None
        object.__setattr__(self, "default", self.from_bytes(data))

    def to_bytes(self, value: T) -> bytes:
        """Return the value as it travels, its text in UTF-8."""
        return str(value).encode()

    def from_bytes(self, data: bytes) -> T:
        """Return the value that the bytes stand for.

        Raises:
            ParameterError: the bytes do not stand for a value of this type, or for one beyond the limits; names
                parameter, type, and text or limits.
        """
        try:
            value = self._parse(data)
        except ValueError:
            shown = data[:SHOWN_LENGTH].decode(errors="backslashreplace")
            rest = f" and {len(data) - SHOWN_LENGTH} bytes more" if len(data) > SHOWN_LENGTH else ""
            raise ParameterError(
                f"parameter {self.name!r} ({self.dtype}): {shown!r}{rest} is not {self.dtype}"
            ) from None
        self._check(value)
        return value

    @property
    def limits(self) -> Mapping[str, T]:
        """The ``minimum`` and the ``maximum``, as far as there are such."""
        return {}

    def _check(self, value: T) -> None:
        """Raise ParameterError if the value is beyond the limits."""

    @staticmethod
    @abstractmethod
    def _parse(data: bytes) -> T:
        """Return the value, or raise ValueError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberParameter(Parameter[N]):
    """A number, which may be limited to those from a minimum to a maximum, both included.

    Raises:
        ParameterError: a limit is not of the parameter's type, the minimum is not below the maximum, or the default is
            beyond them.
    """

    minimum: N | None = None
    maximum: N | None = None

    def __post_init__(self) -> None:
        for name, limit in self.limits.items():
            try:
                object.__setattr__(self, name, self._parse(self.to_bytes(limit)))
            except ValueError:
                raise ParameterError(
                    f"parameter {self.name!r} ({self.dtype}): the {name} {limit!r:.80} is not {self.dtype}"
                ) from None
        if self.minimum is not None and self.maximum is not None and not self.minimum < self.maximum:
            raise ParameterError(
                f"parameter {self.name!r} ({self.dtype}): the minimum {self.minimum} is not below the maximum "
                f"{self.maximum}"
            )
        Parameter.__post_init__(self)

    @property
    def limits(self) -> Mapping[str, N]:
        """The ``minimum`` and the ``maximum``, as far as there are such."""
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def _check(self, value: N) -> None:
        low, high = self.minimum, self.maximum
        if (low is not None and not value >= low) or (high is not None and not value <= high):  # so for NaN too
            limits = ", ".join(f"{name} {limit}" for name, limit in self.limits.items())
            raise ParameterError(f"parameter {self.name!r} ({self.dtype}): {value} is beyond its limits: {limits}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntParameter(NumberParameter[int]):
    """A whole number."""

    dtype: ClassVar[str] = "int"
    default: int = 0

    @staticmethod
    def _parse(data: bytes) -> int:
        return int(data.decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatParameter(NumberParameter[float]):
    """A number in double precision."""

    dtype: ClassVar[str] = "float"
    default: float = 0.0

    @staticmethod
    def _parse(data: bytes) -> float:
        return float(data.decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class StrParameter(Parameter[str]):
    """A text."""

    dtype: ClassVar[str] = "str"
    default: str = ""

    def to_bytes(self, value: str) -> bytes:
        """Return the text in UTF-8."""
        return value.encode()

    @staticmethod
    def _parse(data: bytes) -> str:
        return data.decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoolParameter(Parameter[bool]):
    """A switch: ``True`` or ``1``, ``False`` or ``0``, in any case."""

    dtype: ClassVar[str] = "bool"
    default: bool = False

    @staticmethod
    def _parse(data: bytes) -> bool:
        text = data.strip().lower()
        if text in (b"true", b"1"):
            return True
        if text in (b"false", b"0"):
            return False
        raise ValueError(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryParameter(Parameter[bytes]):
    """The content of a file, such as a ``.poni`` or a mask, so that workers need no access to the file."""

    dtype: ClassVar[str] = "binary"
    default: bytes = b""

    def to_bytes(self, value: bytes) -> bytes:
        """Return the content as it is."""
        return bytes(memoryview(value))

    @staticmethod
    def _parse(data: bytes) -> bytes:
        return data


Descriptions = Mapping[ParameterName, Parameter[Any]]

TYPES: Mapping[str, Callable[..., Parameter[Any]]] = {
    kind.dtype: kind for kind in (IntParameter, FloatParameter, StrParameter, BoolParameter, BinaryParameter)
}
"""The types of parameters by their ``dtype``."""


def described(
    dtype: str, name: str, description: str | None, unit: str, default: bytes, limits: Mapping[str, bytes]
) -> Parameter[Any]:
    """Return the description that a node sent; raises KeyError for an unknown type, ParameterError for its values."""
    kind = TYPES[dtype]
    read = kind(name=name).from_bytes
    return kind(
        name=name,
        description=description,
        unit=unit,
        default=read(default),
        **{limit: read(data) for limit, data in limits.items()},
    )


def merge_descriptions(described: Iterable[Parameter[Any]]) -> Descriptions:
    """Return the descriptions by name; the first of several for one name counts.

    Raises:
        ParameterError: two descriptions of one name have different types.
    """
    merged: dict[ParameterName, Parameter[Any]] = {}
    for description in described:
        name = ParameterName(description.name)
        known = merged.setdefault(name, description)
        if known.dtype != description.dtype:
            raise ParameterError(f"parameter {name!r} is described as {known.dtype} and as {description.dtype}")
    return merged


def check_agreement(
    ours: Iterable[Parameter[Any]], theirs: Iterable[Parameter[Any]], they: str, *, same_class: bool
) -> None:
    """Compare what two nodes describe: it must have one type, and if they run the same class one default, and limits.

    Raises:
        ParameterError: they do not agree; names the parameter, and how each of them describes it.
    """
    others = {parameter.name: parameter for parameter in theirs}
    for our in ours:
        their = others.get(our.name, our)
        same_values = our.to_bytes(our.default) == their.to_bytes(their.default) and our.limits == their.limits
        if our.dtype != their.dtype or (same_class and not same_values):
            raise ParameterError(
                f"parameter {our.name!r} is described as {_in_words(our)}, but {they} describes it as "
                f"{_in_words(their)}"
            )


def _in_words(parameter: Parameter[Any]) -> str:
    limits = "".join(f", {name} {limit}" for name, limit in parameter.limits.items())
    return f"{parameter.dtype} with the default {parameter.default!r:.60}{limits}"


@dataclass(frozen=True, slots=True)
class ParameterVersion:
    """One consistent set of all parameters; a change makes a new version and leaves this one as it is."""

    values: dict[ParameterName, WorkParameter]
    hash: HashDigest

    @classmethod
    def of(cls, parameters: Iterable[WorkParameter]) -> ParameterVersion:
        """Return the version that holds these parameters."""
        values = {parameter.name: parameter for parameter in parameters}
        return cls(values, parameters_hash({name: parameter.data for name, parameter in values.items()}))

    def changed(self, descriptions: Descriptions, given: Mapping[ParameterName, bytes]) -> ParameterVersion:
        """Return the version in which the given values replace those of before.

        Raises:
            ParameterError: a value does not fit its description.
        """
        new = {name: typed(descriptions, name, data) for name, data in given.items()}
        return ParameterVersion.of({**self.values, **new}.values())


class ParameterStore:
    """The version of the parameters in force, and how to change it; safe to use from several threads.

    Attributes:
        version: in force.
        descriptions: of those parameters that a class describes.

    Raises:
        ParameterError: a given value does not fit its description.
    """

    version: ParameterVersion
    descriptions: Descriptions

    def __init__(self, descriptions: Descriptions, given: Mapping[ParameterName, bytes]) -> None:
        self._given = dict(given)
        self._changing = threading.Lock()
        self.describe_as(descriptions)

    def get(self, name: str) -> bytes:
        """Return the data of a parameter; raises KeyError for an unknown one."""
        return self.version.values[ParameterName(name)].data

    def set(self, name: str, data: bytes) -> None:
        """Put a version with this value in force; raises ParameterError if the value does not fit its description."""
        with self._changing:
            self.version = self.version.changed(self.descriptions, {ParameterName(name): data})
            self._given[ParameterName(name)] = data

    def describe_as(self, descriptions: Descriptions) -> None:
        """Put a version in force that has what was given, and the defaults of what else is described here.

        Raises:
            ParameterError: a value that was given does not fit its description; then nothing changes.
        """
        with self._changing:
            defaults = {name: description.to_bytes(description.default) for name, description in descriptions.items()}
            self.version = ParameterVersion.of(()).changed(descriptions, {**defaults, **self._given})
            self.descriptions = descriptions

    def describe(self) -> list[dict[str, str | None]]:
        """Return name, type, description and default (as text; None of a binary one) of each that a class describes."""
        return [
            {
                "name": name,
                "dtype": parameter.dtype,
                "description": parameter.description,
                "default": None if isinstance(parameter, BinaryParameter) else str(parameter.default),
            }
            for name, parameter in sorted(self.descriptions.items())
        ]


def typed(descriptions: Descriptions, name: ParameterName, data: bytes) -> WorkParameter:
    """Return the parameter with its typed value; one that nobody describes has only its data.

    Raises:
        ParameterError: the data does not fit the description.
    """
    description = descriptions.get(name)
    value: ParameterValue | None = None if description is None else description.from_bytes(data)
    return WorkParameter(name, data, value)


def parameters_hash(data: Mapping[ParameterName, bytes]) -> HashDigest:
    """Return the SHA-256 over names and data in the order of names, each preceded by its length.

    The same values have the same hash, whoever set them and when; no parameters have the hash of the empty string.
    """
    digest = hashlib.sha256()
    for name in sorted(data):
        for part in (name.encode(errors="surrogatepass"), data[name]):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return HashDigest(digest.hexdigest())

"""Files that describe an ensemble, in TOML: read, and checked so that an error names its line."""

from __future__ import annotations

import difflib
import os
import re
import reprlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from dranspose.dataplane.sockets import LIVENESS_RANGE
from dranspose.protocol import ParameterName
from dranspose_tango.ensemble import Controller, Ensemble, Ingester, Reducer, Workers

MOST_WORKERS = 10_000
MOST_BYTES = 2**62

NOT_AT_A_URL = {"hdf5", "tango"}
"""Sources of files and attributes, whose names need no scheme."""

WITHOUT_URL = {"sardana"}
"""Sources that others push to."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")  # what Tango, its database and dsconfig all take
_CLASS = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_REQUIRED: Any = object()

KeyPath: TypeAlias = tuple[str | int, ...]


class EnsembleError(ValueError):
    """An ensemble's file cannot be read, or says what makes no ensemble; names file, line and key."""


def read_ensemble(path: Path) -> Ensemble:
    """Return the ensemble that a file describes; paths in it are relative to its folder.

    Raises:
        EnsembleError: the file cannot be read, is not TOML, or a key is missing, unknown or has no fitting value.
    """
    try:
        text = path.read_bytes().decode()
        content = tomllib.loads(text)
    except OSError as error:
        raise EnsembleError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise EnsembleError(f"{path} is not TOML: {error}") from None
    try:
        return _ensemble(_Table(content, ()), path.resolve().parent)
    except _KeyError as error:
        line = _line_of(text, error.path)
        where = f"{path}, line {line}" if line else str(path)
        raise EnsembleError(f"{where}: {error}") from None


def _line_of(text: str, path: KeyPath) -> int | None:
    """Return the line at which a key, or the innermost table around it that is there, begins; None if none is there."""
    lines = text.splitlines(keepends=True)
    found: dict[KeyPath, int] = {}
    begin = 1
    for end in range(1, len(lines) + 1):
        try:
            so_far = tomllib.loads("".join(lines[:end]))
        except ValueError:
            continue  # in the middle of a value that has several lines
        for length in range(1, len(path) + 1):
            if _holds(so_far, path[:length]):
                found.setdefault(path[:length], begin)
        begin = end + 1
    return found[max(found, key=len)] if found else None


def _holds(content: Any, path: KeyPath) -> bool:
    for key in path:
        try:
            content = content[key]
        except (LookupError, TypeError):
            return False
    return True


class _KeyError(Exception):
    """What is wrong with a key."""

    def __init__(self, path: KeyPath, what: str) -> None:
        name = "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")
        super().__init__(f"{name}: {what}" if name else what)
        self.path = path


class _Table:
    """A table of the file, from which values are taken; at the end nothing may be left over."""

    def __init__(self, content: object, path: KeyPath) -> None:
        if not isinstance(content, dict):
            raise _KeyError(path, f"must be a table, not {reprlib.repr(content)}")
        self.path = path
        self._left = dict(content)
        self._known: list[str] = []

    def take(self, key: str, default: Any = _REQUIRED) -> Any:
        """Return the value of a key."""
        self._known.append(key)
        value = self._left.pop(key, default)
        if value is _REQUIRED:
            raise _KeyError((*self.path, key), "is missing")
        return value

    def text(self, key: str, default: Any = _REQUIRED) -> Any:
        """Return a text that is not empty, or the default."""
        value = self.take(key, default)
        if value is not default and not (isinstance(value, str) and value):
            raise self.error(key, f"must be a text, not {reprlib.repr(value)}")
        return value

    def name(self, key: str, default: Any = _REQUIRED) -> str:
        """Return a text that can be part of a Tango name."""
        value: str = self.text(key, default)
        if not _NAME.fullmatch(value):
            raise self.error(
                key, f"must be letters, digits, - and _ only, as it is part of a Tango name, not {reprlib.repr(value)}"
            )
        return value

    def class_name(self, key: str) -> str:
        """Return a text that names a class."""
        value: str = self.text(key)
        if not _CLASS.fullmatch(value):
            raise self.error(key, f"must name a class, such as src.worker:TestWorker, not {reprlib.repr(value)}")
        return value

    def whole(self, key: str, least: int, most: int, default: int | None = None) -> int | None:
        """Return a whole number, or the default."""
        value = self.take(key, None)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.error(key, f"must be a whole number from {least} to {most}, not {reprlib.repr(value)}")
        return value

    def number(self, key: str, least: float, most: float) -> float | None:
        """Return a number, or None if it is not given."""
        value = self.take(key, None)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise self.error(key, f"must be a number from {least} to {most}, not {reprlib.repr(value)}")
        return value

    def texts(self, key: str, default: Any = _REQUIRED) -> tuple[str, ...]:
        """Return different texts, at least one, or the default."""
        value = self.take(key, default)
        if value is default:
            return tuple(value)
        if not _are_texts(value) or len(set(value)) < len(value):
            raise self.error(key, f"must be a list of different texts, not {reprlib.repr(value)}")
        return tuple(value)

    def tables(self, key: str) -> list[_Table]:
        """Return the tables of ``[[key]]``, at least one; a single ``[key]`` is a list of one."""
        value = self.take(key)
        if not isinstance(value, list):
            return [_Table(value, (*self.path, key))]
        if not value:
            raise self.error(key, "must not be empty")
        return [_Table(content, (*self.path, key, index)) for index, content in enumerate(value)]

    def rest(self) -> list[tuple[str, Any]]:
        """Return all keys with their values."""
        return list(self._left.items())

    def error(self, key: str, what: str) -> _KeyError:
        """Return the error that a key has."""
        return _KeyError((*self.path, key), what)

    def end(self) -> None:
        """Raise an error if the table holds a key that was not asked for."""
        for key in self._left:
            near = difflib.get_close_matches(key, self._known, 1)
            hint = f"do you mean {near[0]}?" if near else f"known are {', '.join(self._known)}"
            raise self.error(key, f"is not known here; {hint}")


def _ensemble(table: _Table, home: Path) -> Ensemble:
    name = table.name("name")
    folder = home / table.text("folder", ".")
    if not folder.is_dir():
        raise table.error("folder", f"there is no folder {folder}")
    controller = _controller(_Table(table.take("controller", {}), ("controller",)), home)
    ingesters = tuple(_ingesters(table.tables("ingester"), home))
    workers = tuple(_workers(part) for part in table.tables("worker"))
    reducer = _reducer(_Table(table.take("reducer"), ("reducer",)))
    parameters = dict(_parameters(table, home))
    keys = table.text("keys", None)
    table.end()
    return Ensemble(
        name=name,
        folder=folder.resolve(),
        controller=controller,
        ingesters=ingesters,
        workers=workers,
        reducer=reducer,
        parameters=parameters,
        keys=keys and (home / keys).resolve(),
    )


def _controller(table: _Table, home: Path) -> Controller:
    controller = Controller(
        interface=table.text("interface", None),
        port=table.whole("port", 1, 65535),
        liveness=table.number("liveness", *LIVENESS_RANGE),
        uploads=tuple((home / folder).resolve() for folder in table.texts("uploads", ())),
    )
    table.end()
    return controller


def _ingesters(tables: Iterable[_Table], home: Path) -> Iterable[Ingester]:
    names: set[str] = set()
    known: set[str] = set()
    for table in tables:
        streams = table.texts("streams")
        read_along = dict(_read_along(_Table(table.take("read_along", {}), (*table.path, "read_along"))))
        for key, new in (("streams", streams), ("read_along", read_along)):
            if twice := known.intersection(new):
                raise table.error(key, f"there is a stream {min(twice)!r} already")
            known.update(new)
        name = table.name("name", streams[0])
        if name.lower() in names:  # Tango's names are the same in any case of letters
            raise table.error("name", f"another ingester is named {name!r} already")
        names.add(name.lower())
        source = table.text("source")
        if ":" in source and not _CLASS.fullmatch(source):
            raise table.error("source", f"must be stins or name a class, such as src.source:Source, not {source!r}")
        capture = table.text("capture", None)
        yield Ingester(
            name=name,
            source=source,
            urls=_urls(table, streams, source),
            read_along=read_along,
            interface=table.text("interface", None),
            keep_bytes=table.whole("keep_bytes", 1, MOST_BYTES),
            capture=capture and os.path.join(home, capture),  # noqa: PTH118 - a prefix may end in a slash
        )
        table.end()


def _read_along(table: _Table) -> Iterable[tuple[str, str]]:
    for stream, attribute in table.rest():
        if not isinstance(attribute, str) or attribute.count("/") < 3:
            raise table.error(stream, f"must be DOMAIN/FAMILY/MEMBER/ATTRIBUTE, not {reprlib.repr(attribute)}")
        yield stream, attribute


def _urls(table: _Table, streams: tuple[str, ...], source: str) -> Mapping[str, tuple[str, ...]]:
    value = table.take("url", None if source in WITHOUT_URL else _REQUIRED)
    if value is None:
        return dict.fromkeys(streams, ())
    if not isinstance(value, dict):
        value = {streams[0]: value}
    if set(value) != set(streams):
        raise table.error("url", f"must be a table with a URL for each of the streams {', '.join(streams)}")
    urls = {stream: [entry] if isinstance(entry := value[stream], str) else entry for stream in streams}
    for stream, entries in urls.items():
        if not _are_texts(entries) or not (source in NOT_AT_A_URL or all("://" in entry for entry in entries)):
            raise table.error("url", f"stream {stream!r} needs a URL such as tcp://127.0.0.1:9999, or a list of them")
    return {stream: tuple(entries) for stream, entries in urls.items()}


def _workers(table: _Table) -> Workers:
    workers = Workers(
        analysis=table.class_name("class"),
        count=table.whole("count", 1, MOST_WORKERS, 1) or 1,
        tags=table.texts("tags", ()),
    )
    table.end()
    return workers


def _reducer(table: _Table) -> Reducer:
    reducer = Reducer(
        analysis=table.class_name("class"),
        interface=table.text("interface", None),
        http=table.whole("http", 1, 65535),
    )
    table.end()
    return reducer


def _parameters(table: _Table, home: Path) -> Iterable[tuple[ParameterName, bytes]]:
    parameters = _Table(table.take("parameters", {}), ("parameters",))
    for name, value in parameters.rest():
        match value:
            case str():
                data = value.encode()
            case bool() | int() | float():
                data = str(value).encode()
            case {"file": str(file)} if len(value) == 1:
                try:
                    data = (home / file).read_bytes()
                except (OSError, ValueError) as error:
                    raise parameters.error(name, f"cannot be read: {error}") from None
            case _:
                raise parameters.error(
                    name, f'must be a number, a text, true, false or {{ file = "PATH" }}, not {reprlib.repr(value)}'
                )
        yield ParameterName(name), data


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) and text for text in value)

"""Files of parameter values: a list of ``{"name": text, "data": text or bytes}`` as JSON, CBOR or pickle.

An entry may have ``"file": path`` in the place of its data: the value is what that file contains. The path is relative
to the folder of the parameter file. An entry with ``"from_event": number`` changes the parameter in the middle of each
scan: from this event on it has this value.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cbor2

from dranspose import restricted_pickle
from dranspose.parameters import ParameterError
from dranspose.protocol import ParameterName

Values = dict[ParameterName, bytes]


@dataclass(frozen=True, slots=True)
class ParameterHistory:
    """The values of parameters in a scan.

    Attributes:
        values: those that the scan begins with.
        changes: those that take the place of others, by the event from which on they do.
    """

    values: Values = field(default_factory=dict)
    changes: dict[int, Values] = field(default_factory=dict)


def read_parameter_file(path: Path) -> ParameterHistory:
    """Return what a parameter file says.

    Raises:
        ParameterError: the file is in none of the formats, or an entry is not a name with text, bytes or a file that
            can be read.
        OSError: the file cannot be read.
    """
    try:
        entries = _decode(path.read_bytes())
    except ValueError as error:
        raise ParameterError(f"{path}: {error}") from None
    if not isinstance(entries, Sequence) or isinstance(entries, str | bytes):
        raise ParameterError(f'{path}: a parameter file is a list of {{"name": ..., "data": ...}}')
    history = ParameterHistory()
    for number, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str):
            raise ParameterError(f"{path}: entry {number} has no name")
        event = entry.get("from_event")
        if event is not None and (type(event) is not int or event < 0):
            raise ParameterError(f"{path}: parameter {name!r}: from_event must be the number of an event")
        values = history.values if event is None else history.changes.setdefault(event, {})
        if name in values:
            again = "" if event is None else f" for event {event}"
            raise ParameterError(f"{path}: parameter {name!r} stands there twice{again}")
        try:
            values[ParameterName(name)] = _data(entry, path.parent)
        except (OSError, ValueError) as error:
            raise ParameterError(f"{path}: parameter {name!r}: {error}") from None
    return history


def write_parameter_file(stem: Path, history: ParameterHistory) -> Path:
    """Write ``stem.json``, or ``stem.cbor`` if a value is not text, in the place of either, and return its path.

    Whoever reads it meanwhile finds the old file or the new one. Raises OSError.
    """
    entries: list[dict[str, object]] = [{"name": name, "data": data} for name, data in history.values.items()]
    for event, values in history.changes.items():
        entries += [{"name": name, "data": data, "from_event": event} for name, data in values.items()]
    forms = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".json", ".cbor")]
    try:
        content = json.dumps(entries, default=bytes.decode, indent=1).encode()
    except UnicodeDecodeError:
        content = cbor2.dumps(entries)
        forms.reverse()
    path, other = forms
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
    other.unlink(missing_ok=True)
    return path


def _data(entry: Mapping[str, object], folder: Path) -> bytes:
    match entry:
        case {"data": _, "file": _}:
            raise ValueError("it has both data and a file")
        case {"file": str(file)}:
            return (folder / file).read_bytes()
        case {"data": str(text)}:
            return text.encode()
        case {"data": bytes(data)}:
            return data
        case {"data": other} | {"file": other}:
            raise ValueError(f'it needs its data or its file as text, such as "3", not as {type(other).__name__}')
        case _:
            raise ValueError("it has neither data nor a file")


def _decode(content: bytes) -> object:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _decode_binary(content)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def _decode_binary(content: bytes) -> object:
    # Pickles since protocol 2 begin with 0x80 and the protocol's number; in CBOR 0x80 is an empty list, at its end
    if content[:1] == b"\x80" and len(content) > 1:
        try:
            return restricted_pickle.load(io.BytesIO(content), {})
        except Exception as error:  # noqa: BLE001 - a damaged pickle raises whatever it stumbles over
            raise ValueError(f"not a pickle of text and bytes only: {error}") from None
    try:
        return cbor2.loads(content)
    except Exception as error:  # noqa: BLE001 - damaged CBOR raises more than CBORDecodeError
        raise ValueError(f"neither JSON nor pickle, and not CBOR: {error}") from None

"""Files of parameter values: a list of ``{"name": text, "data": text or bytes}`` as JSON, CBOR or pickle."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import cbor2

from dranspose.parameters import ParameterError
from dranspose.protocol import ParameterName
from dranspose.restricted_pickle import RestrictedUnpickler


def read_parameter_file(path: Path) -> dict[ParameterName, bytes]:
    """Return the values of a parameter file by name.

    Raises:
        ParameterError: the file is in none of the formats, or an entry is not a name with text or bytes.
        OSError: the file cannot be read.
    """
    try:
        entries = _decode(path.read_bytes())
    except ValueError as error:
        raise ParameterError(f"{path}: {error}") from None
    if not isinstance(entries, Sequence) or isinstance(entries, str | bytes):
        raise ParameterError(f'{path}: a parameter file is a list of {{"name": ..., "data": ...}}')
    values: dict[ParameterName, bytes] = {}
    for number, entry in enumerate(entries):
        name, data = (entry.get("name"), entry.get("data")) if isinstance(entry, Mapping) else (None, None)
        if not isinstance(name, str):
            raise ParameterError(f"{path}: entry {number} has no name: {entry!r:.80}")
        if isinstance(data, str):
            data = data.encode()
        if not isinstance(data, bytes):
            raise ParameterError(f'{path}: parameter {name!r} needs its data as text, such as "3", not {data!r:.80}')
        if name in values:
            raise ParameterError(f"{path}: parameter {name!r} stands there twice")
        values[ParameterName(name)] = data
    return values


def _decode(content: bytes) -> object:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _decode_binary(content)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None


def _decode_binary(content: bytes) -> object:
    # Pickles since protocol 2 begin with 0x80 and the protocol's number; in CBOR 0x80 is an empty list, at its end
    if content[:1] == b"\x80" and len(content) > 1:
        try:
            return RestrictedUnpickler(io.BytesIO(content), {}).load()
        except Exception as error:  # noqa: BLE001 - a damaged pickle raises whatever it stumbles over
            raise ValueError(f"not a pickle of text and bytes only: {error}") from None
    try:
        return cbor2.loads(content)
    except Exception as error:  # noqa: BLE001 - damaged CBOR raises more than CBORDecodeError
        raise ValueError(f"neither JSON nor pickle, and not CBOR: {error}") from None

"""Messages of DECTRIS detectors in version 1 of their stream interface (SIMPLON API, "stream"), as EIGERs send them."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dranspose.data.image import image_array
from dranspose.data.message import MalformedFrameError, Message
from dranspose.event import Frame

ENCODING = re.compile(r"(?:(?:bs(?P<bits>8|16|32|64)-?)?(?P<lz4>lz4))?(?P<order>[<>])?")


@dataclass(frozen=True, eq=False, repr=False)
class EigerLegacyHeader(Message):
    """The start of a series.

    ``header_detail`` tells what is sent: with ``none`` nothing more, with ``basic`` the configuration of the detector
    as ``info``, with ``all`` three tables besides. ``appendix`` is what the detector was told to send along, or None.
    """

    htype: Literal["dheader-1.0"]
    header_detail: Literal["all", "basic", "none"]
    series: int
    info: dict[str, Any] | None
    appendix: Any
    tables: dict[str, Any] = field(repr=False)
    """A description and a blob, by the type of the table."""

    @functools.cached_property
    def flatfield(self) -> npt.NDArray[np.generic]:
        """The flat field, of shape (y, x). AttributeError and MalformedFrameError as for all tables."""
        return self._table("dflatfield-1.0")

    @functools.cached_property
    def pixel_mask(self) -> npt.NDArray[np.generic]:
        """The pixel mask, of shape (y, x)."""
        return self._table("dpixelmask-1.0")

    @functools.cached_property
    def countrate_table(self) -> npt.NDArray[np.generic]:
        """Pairs of a measured count rate and a factor or corrected rate, of shape (n, 2)."""
        return self._table("dcountrate_table-1.0")

    def _table(self, htype: str) -> npt.NDArray[np.generic]:
        """Return a table.

        Raises:
            AttributeError: it was not sent.
            MalformedFrameError: its blob is not what its description says.
        """
        try:
            description, blob = self.tables[htype]
        except KeyError:
            raise AttributeError(f"a header of detail {self.header_detail!r} has no {htype}") from None
        return _array({"encoding": "<", **description}, blob, htype)


@dataclass(frozen=True, eq=False, repr=False)
class EigerLegacyImage(Message):
    """One image.

    ``data`` has its ``shape`` as (x, y), ``type`` and ``encoding``, and its blob as it was sent under ``buffer``;
    ``config`` has ``start_time``, ``stop_time`` and ``real_time`` in ns. ``appendix`` is None if none was sent.
    """

    htype: Literal["dimage-1.0"]
    frame: int
    series: int
    hash: str
    config: dict[str, Any]
    appendix: Any
    data: dict[str, Any] = field(repr=False)

    @functools.cached_property
    def pixels(self) -> npt.NDArray[np.generic]:
        """The image, read-only and of shape (y, x), decompressed at the first access.

        Raises:
            MalformedFrameError: the blob is not an image of this shape, type and encoding.
        """
        return _array(self.data, self.data["buffer"], f"image {self.frame}")


@dataclass(frozen=True, eq=False, repr=False)
class EigerLegacyEnd(Message):
    """The end of a series."""

    htype: Literal["dseries_end-1.0"]
    series: int


@dataclass(frozen=True, eq=False, repr=False)
class _Description(Message):
    encoding: str
    shape: list[int]
    type: str


def _array(description: Mapping[str, Any], blob: Frame, what: str) -> npt.NDArray[np.generic]:
    try:
        described = _Description.from_fields(description)
        encoding = ENCODING.fullmatch(described.encoding)
        if not encoding:
            raise ValueError(f"there is no encoding {described.encoding!r:.80}")
        bits, lz4, order = encoding.group("bits", "lz4", "order")
        dtype = np.dtype(described.type).newbyteorder(">" if order == ">" else "<")
        if bits and int(bits) != 8 * dtype.itemsize:
            raise ValueError(f"{described.encoding} does not fit {dtype}")
        compression = "none" if not lz4 else "bslz4" if bits else "lz4"
        return image_array(blob, described.shape[::-1], dtype.str, compression)
    except (ValueError, TypeError) as error:
        raise MalformedFrameError(f"{what}: {error}") from None

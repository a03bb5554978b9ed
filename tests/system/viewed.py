"""An analysis with something to look at: a curve that grows, and the sum of all images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dranspose.data.stream1 import Stream1Data
from dranspose.event import EventData, ResultData
from dranspose.middlewares.stream1 import parse
from dranspose.protocol import ParameterName, WorkParameter
from dranspose.results import NexusReducer

IMAGE = (512, 512)


class FrameWorker:
    """The number of each image, and twice that."""

    def process_event(self, event: EventData, parameters: object) -> dict[str, int] | None:
        message = parse(event.streams["det"])
        return {"frame": message.frame, "double": 2 * message.frame} if isinstance(message, Stream1Data) else None


class ViewedReducer(NexusReducer):
    """Publishes them, and an image of which each pixel has how many results there were."""

    path = ""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._image: npt.NDArray[np.int64] = np.zeros(IMAGE, np.int64)
        self.plot("double", "frame")
        self.put("image", self._image)

    def process_result(
        self, result: ResultData, parameters: Mapping[ParameterName, WorkParameter] | None = None
    ) -> None:
        super().process_result(result, parameters)
        with self.publish_rlock:
            self._image[result.event_number % IMAGE[0]] += 1

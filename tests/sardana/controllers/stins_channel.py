"""A detector as Sardana has one: a channel that, triggered, sends STINS images on a ZMQ socket."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, ClassVar

import numpy as np
import zmq
from sardana import State
from sardana.pool import AcqSynch
from sardana.pool.controller import CounterTimerController, DefaultValue, Description, Type

PATIENCE = 5_000  # ms in which a receiver comes
STARTS_IN = 0.05  # seconds, in which it may be stopped
SHAPE = (2, 2)


class StinsChannelController(CounterTimerController):
    """Sends a series for each scan, an image for each point; its value is the number of images sent."""

    ctrl_properties: ClassVar[dict[str, Any]] = {"Url": {Type: str, Description: "where receivers connect to"}}
    ctrl_attributes: ClassVar[dict[str, Any]] = {
        "Images": {Type: int, Description: "for each trigger", DefaultValue: 1}
    }
    MaxDevice = 1

    def __init__(self, inst: str, props: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(inst, props, *args, **kwargs)
        self._images = 1
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._socket.sndtimeo = PATIENCE
        self._socket.bind(props["Url"])
        self._synchronization = AcqSynch.SoftwareTrigger
        self._messages = self._sent = self._wanted = self._of_this_start = self._read = 0
        self._series = self._busy = self._aborted = False
        self._lock = threading.Lock()  # clients ask for the state while the scan does

    def setImages(self, images: int) -> None:
        self._images = images

    def getImages(self) -> int:
        return self._images

    def SetCtrlPar(self, name: str, value: Any) -> None:
        if name == "synchronization":
            self._synchronization = value

    def GetCtrlPar(self, name: str) -> Any:
        return {"synchronization": self._synchronization, "latency_time": 0.0}.get(name)

    def AddDevice(self, axis: int) -> None:
        pass

    def DeleteDevice(self, axis: int) -> None:
        self._context.destroy(linger=0)

    def PrepareOne(self, axis: int, value: float, repetitions: int, latency: float, nb_starts: int) -> None:
        with self._lock:
            self._end()
            self._send({"htype": "header", "filename": ""})
            self._series, self._sent, self._wanted = True, 0, repetitions * nb_starts

    def LoadOne(self, axis: int, integ_time: float, repetitions: int, latency_time: float) -> None:
        self._cycle, self._repetitions = integ_time + latency_time, repetitions

    def PreStartOne(self, axis: int, value: float) -> bool:
        self._of_this_start = self._read = 0
        self._aborted = False
        return True

    def StartAll(self) -> None:
        time.sleep(STARTS_IN)
        with self._lock:
            self._begin, self._busy = time.monotonic(), not self._aborted

    def StateOne(self, axis: int) -> tuple[Any, str]:
        with self._lock:
            if self._busy:
                due = min(self._repetitions, int((time.monotonic() - self._begin) / self._cycle))
                for _ in range(due - self._of_this_start):
                    self._take()
                self._busy = self._of_this_start < self._repetitions
        return (State.Moving, "exposing") if self._busy else (State.On, "ready")

    def ReadOne(self, axis: int) -> Any:
        if self._synchronization == AcqSynch.SoftwareTrigger:
            return float(self._sent)
        first, self._read = self._read, self._of_this_start
        return [float(self._sent - self._of_this_start + n + 1) for n in range(first, self._read)]

    def AbortOne(self, axis: int) -> None:
        with self._lock:
            self._busy, self._aborted = False, True
            self._socket.sndtimeo = 0  # the receiver may have gone
            self._end()
            self._socket.sndtimeo = PATIENCE

    def _take(self) -> None:
        for image in range(self._sent * self._images, (self._sent + 1) * self._images):
            header = {"htype": "image", "frame": image, "shape": SHAPE, "type": "uint16", "compression": "none"}
            self._send(header, np.full(SHAPE, image, np.uint16).tobytes())
        self._sent += 1
        self._of_this_start += 1
        if self._sent == self._wanted:
            self._end()

    def _end(self) -> None:
        if self._series:
            self._series = False
            self._send({"htype": "series_end"})

    def _send(self, header: dict[str, Any], *blobs: bytes) -> None:
        try:
            self._socket.send_multipart([json.dumps(header | {"msg_number": self._messages}).encode(), *blobs])
        except zmq.Again:
            if self._socket.sndtimeo:
                raise
        self._messages += 1

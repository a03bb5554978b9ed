"""A Tango device with an attribute of each kind; run as a program it is a server of its own."""

import time
from typing import Any, ClassVar

import numpy as np
import tango
from tango.server import Device, attribute, command


class Oven(Device):
    """A device to read; ``reads`` tells how often that was read."""

    broken: ClassVar[bool] = False

    def init_device(self) -> None:
        super().init_device()
        self._temperature = 20.0
        self._reads = 0
        self.set_change_event("temperature", True, False)
        self.set_state(tango.DevState.ON)

    @attribute(dtype=float)
    def temperature(self) -> float:
        if Oven.broken:
            raise RuntimeError("the thermocouple is broken")
        return self._temperature

    @command(dtype_in=float)
    def Heat(self, temperature: float) -> None:
        self._temperature = temperature
        self.push_change_event("temperature", temperature)

    @attribute(dtype=int)
    def reads(self) -> int:
        self._reads += 1
        return self._reads

    @attribute(dtype=(float,), max_dim_x=5)
    def profile(self) -> list[float]:
        return [1.0, np.nan, 3.0]

    @attribute(dtype=((np.uint16,),), max_dim_x=5, max_dim_y=5)
    def image(self) -> Any:
        return np.arange(6, dtype=np.uint16).reshape(2, 3)

    @attribute(dtype=str)
    def sample(self) -> str:
        return "LaB6 µ"

    @attribute(dtype=((str,),), max_dim_x=2, max_dim_y=2)
    def table(self) -> Any:
        return [["a", "b"], ["c", "d"]]

    @attribute(dtype=bool)
    def closed(self) -> bool:
        return True

    @attribute(dtype="DevLong64")
    def count(self) -> int:
        return 2**62 + 1

    @attribute(dtype="DevEncoded")
    def blob(self) -> Any:
        return "raw", b"\x01\x02"

    @attribute(dtype=float)
    def unknown(self) -> Any:
        return 0.0, time.time(), tango.AttrQuality.ATTR_INVALID


if __name__ == "__main__":
    Oven.run_server()

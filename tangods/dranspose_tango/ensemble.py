"""What an ensemble consists of, and the Tango devices that it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from dranspose.protocol import ParameterName

FAMILY = "dranspose"

PROPERTIES = (
    *("Controller", "KeyFolder", "BindInterface", "Port", "Liveness", "UploadDirectories"),
    *("Source", "SourcePath", "Streams", "Urls", "ReadAlong", "KeepBytes", "CapturePath"),
    *("AnalysisPath", "AnalysisClass", "Tags", "HttpInterface", "HttpPort"),
)
"""The properties that an ensemble sets on one device or another, or leaves to the default."""

Properties: TypeAlias = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The controller.

    Attributes:
        interface: the address that the other nodes connect to; None for the device's own default, the loopback.
        port: its TCP port there; None for any free one.
        liveness: for how many seconds a node may show no sign of life; None for the device's own default.
        uploads: folders that files of binary parameters may be read from.
    """

    interface: str | None = None
    port: int | None = None
    liveness: float | None = None
    uploads: tuple[Path, ...] = ()

    @property
    def properties(self) -> Properties:
        """The properties of its device."""
        return _given(
            BindInterface=self.interface,
            Port=self.port,
            Liveness=self.liveness,
            UploadDirectories=tuple(str(path) for path in self.uploads),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingester:
    """An ingester.

    Attributes:
        name: what follows ``ingester-`` in the name of its device.
        source: the detector's protocol: ``"stins"``, or ``"package.module:Class"``.
        urls: where each stream comes from: one URL, several that share its frames, or none.
        read_along: streams that are Tango attributes, read when a frame of the first stream comes.
        interface: the address that workers connect to; None for the device's own default, the loopback.
        keep_bytes: bound on the frames that it keeps; None for the device's own default.
        capture: the file that it writes what it forwards to, or the beginning of their paths; None for no file.
    """

    name: str
    source: str
    urls: Mapping[str, tuple[str, ...]]
    read_along: Mapping[str, str] = field(default_factory=dict)
    interface: str | None = None
    keep_bytes: int | None = None
    capture: str | None = None

    @property
    def properties(self) -> Properties:
        """The properties of its device."""
        return _given(
            Source=self.source,
            Streams=tuple(self.urls),
            Urls=tuple(f"{stream}={url}" for stream, urls in self.urls.items() for url in urls),
            ReadAlong=tuple(f"{stream}={attribute}" for stream, attribute in self.read_along.items()),
            BindInterface=self.interface,
            KeepBytes=self.keep_bytes,
            CapturePath=self.capture,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """A number of workers that are alike.

    Attributes:
        analysis: the Worker class, as ``"package.module:Class"``.
        count: how many.
        tags: what a virtual worker may ask for; empty for the device's own default.
    """

    analysis: str
    count: int = 1
    tags: tuple[str, ...] = ()

    @property
    def properties(self) -> Properties:
        """The properties of each of their devices."""
        return _given(AnalysisClass=self.analysis, Tags=self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reducer:
    """The reducer.

    Attributes:
        analysis: the Reducer class, as ``"package.module:Class"``.
        interface: the address that workers and clients of HTTP connect to; None for the device's own default, the
            loopback.
        http: the TCP port at which its results are served for h5pyd and silx; None for not at all.
    """

    analysis: str
    interface: str | None = None
    http: int | None = None

    @property
    def properties(self) -> Properties:
        """The properties of its device."""
        return _given(
            AnalysisClass=self.analysis,
            BindInterface=self.interface,
            HttpInterface=self.interface,
            HttpPort=self.http,
        )


@dataclass(frozen=True, slots=True)
class Device:
    """A Tango device; its class is named like the executable of its server.

    Attributes:
        server: executable and class.
        instance: of the server, which holds this device alone.
        name: domain, family and member.
        properties: what the device is configured with.
    """

    server: str
    instance: str
    name: str
    properties: Properties

    @property
    def member(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """One controller, its ingesters, workers and reducer.

    Attributes:
        name: the Tango domain of its devices.
        folder: where the analysis is imported from and works in.
        parameters: values that the analysis is given when the ensemble starts.
        keys: the folder with keys, without which nobody may connect to its devices' sockets; None for no keys.
    """

    name: str
    folder: Path
    ingesters: tuple[Ingester, ...]
    workers: tuple[Workers, ...]
    reducer: Reducer
    controller: Controller = Controller()
    parameters: Mapping[ParameterName, bytes]
    keys: Path | None = None

    @property
    def controller_name(self) -> str:
        """The name of the controller's device."""
        return f"{self.name}/{FAMILY}/controller"

    @property
    def devices(self) -> tuple[Device, ...]:
        """All devices, the controller first."""
        keys = _given(KeyFolder=self.keys)
        member = {"Controller": (self.controller_name,), **keys}
        analyst = member | {"AnalysisPath": (str(self.folder),)}
        own_source = member | {"SourcePath": (str(self.folder),)}
        workers = [group for group in self.workers for _ in range(group.count)]
        return (
            Device("DransposeController", self.name, self.controller_name, {**keys, **self.controller.properties}),
            *(
                self._device(
                    "Ingester",
                    f"-{ingester.name}",
                    (own_source if ":" in ingester.source else member) | dict(ingester.properties),
                )
                for ingester in self.ingesters
            ),
            *(
                self._device("Worker", f"-{number}", analyst | dict(group.properties))
                for number, group in enumerate(workers, 1)
            ),
            self._device("Reducer", "", analyst | dict(self.reducer.properties)),
        )

    def _device(self, kind: str, suffix: str, properties: Properties) -> Device:
        name = f"{self.name}/{FAMILY}/{kind.lower()}{suffix}"
        return Device(f"Dranspose{kind}", f"{self.name}{suffix}", name, properties)


def _given(**values: str | float | Path | tuple[str, ...] | None) -> Properties:
    """Return as properties what is given; a device has its own defaults for the rest."""
    return {
        name: value if isinstance(value, tuple) else (str(value),)
        for name, value in values.items()
        if value is not None and value != ()
    }

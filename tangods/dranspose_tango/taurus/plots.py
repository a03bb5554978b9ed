"""Curves and images of a reducer, which follow it while the scan runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph
from taurus.external.qt import QtCore
from taurus_pyqtgraph import TaurusImageItem, TaurusPlotDataItem

from dranspose_tango.taurus.models import attribute_model
from dranspose_tango.taurus.regions import Rectangle, Region
from dranspose_tango.taurus.results import Result

pyqtgraph.setConfigOptions(background="w", foreground="k", imageAxisOrder="row-major")

COLOURS = ("#e31a1c", "#33a02c", "#ff7f00", "#1f78b4")
CURVE_PEN = pyqtgraph.mkPen("#1f5fa8", width=1.5)
COLOUR_MAP = "viridis"
SHOWN_SHARE = (0.1, 99.9)  # percent: hot pixels shall not take all the colours
LOOKED_AT = 200_000  # pixels of an image, at most, that tell what its colours are to be
SMALLEST = 220  # pixels, so that labels stay readable


class Plot(pyqtgraph.PlotWidget):
    """What curves and images have in common.

    Args:
        result: what is shown.
        device: the full name of the device that publishes it.
    """

    def __init__(self, result: Result, device: str) -> None:
        super().__init__(title=result.title)
        self.result = result
        self.device = device
        self.setMinimumHeight(SMALLEST)

    def close_model(self) -> None:
        """Let go of the attribute."""
        raise NotImplementedError


class CurvePlot(Plot):
    """A spectrum, over another one or over its index."""

    def __init__(self, result: Result, device: str) -> None:
        super().__init__(result, device)
        self.curve = TaurusPlotDataItem(pen=CURVE_PEN)
        self.addItem(self.curve)
        self.showGrid(x=True, y=True, alpha=0.2)
        if result.over is not None:
            self.setLabel("bottom", result.over.title)
            self.curve.setXModel(attribute_model(device, result.over.name))
        self.curve.setModel(attribute_model(device, result.name))

    def close_model(self) -> None:
        """Let go of the attributes."""
        self.curve.setXModel(None)
        self.curve.setModel(None)


class Image(TaurusImageItem):
    """The image of an attribute, which stays while that has no value."""

    def handleEvent(self, source: Any, kind: Any, value: Any) -> None:  # noqa: N802 - Taurus's
        """Take what the attribute tells."""
        if np.size(getattr(value, "rvalue", ())):
            super().handleEvent(source, kind, value)


class ImagePlot(Plot):
    """An image with its colour scale, the first row on top, and regions to be drawn on it.

    Attributes:
        drawn: signal with a region and its rectangle, when the user has changed it.
    """

    drawn = QtCore.Signal(object, object)

    def __init__(self, result: Result, device: str, regions: tuple[Region, ...]) -> None:
        super().__init__(result, device)
        self.invertY(True)
        self.setAspectLocked(True)
        self.image = Image()
        self.addItem(self.image)
        self.scale = self.getPlotItem().addColorBar(self.image, colorMap=COLOUR_MAP, interactive=True)
        self.scale.sigLevelsChangeFinished.connect(self._keep_levels)
        self._levels: tuple[float, float] | None = None
        self.getPlotItem().getViewBox().menu.addAction("Automatic colours", self._free_levels)
        self.image.sigImageChanged.connect(self._set_levels)
        self._in_hand: set[Region] = set()
        self._shown: dict[Region, Rectangle] = {}
        self.regions = {region: self._region(region, COLOURS[i % len(COLOURS)]) for i, region in enumerate(regions)}
        self.image.setModel(attribute_model(device, result.name))

    def show_regions(self, settings: dict[str, Any]) -> None:
        """Move the regions to where the parameters say, if that is another place than before, and in the image."""
        image = self.image.image
        if image is None:
            return
        rows, columns = image.shape
        for region, item in self.regions.items():
            if not all(name in settings for name in region.parameters):
                continue
            rectangle = region.rectangle(settings)
            item.setVisible(rectangle.within(columns, rows) == rectangle)
            if region in self._in_hand or self._shown.get(region) == rectangle:
                continue
            self._shown[region] = rectangle
            with QtCore.QSignalBlocker(item):
                item.setPos((rectangle.x, rectangle.y), update=False)
                item.setSize((rectangle.width, rectangle.height))

    def settle(self, region: Region) -> None:
        """Have a region go to where the parameters say, though it was drawn elsewhere."""
        self._shown.pop(region, None)

    def close_model(self) -> None:
        """Let go of the attribute."""
        self.image.setModel(None)

    def _region(self, region: Region, colour: str) -> Any:
        item = pyqtgraph.RectROI((0, 0), (1, 1), pen=pyqtgraph.mkPen(colour, width=2), rotatable=False)
        item.addScaleHandle((0, 0), (1, 1))
        item.setToolTip(f"{region.name}: drag it, or its corners, to set {', '.join(region.parameters)}")
        item.sigRegionChangeStarted.connect(lambda: self._in_hand.add(region))
        item.sigRegionChangeFinished.connect(lambda: self._let_go(region))
        item.hide()
        self.addItem(item, ignoreBounds=True)
        return item

    def _let_go(self, region: Region) -> None:
        self._in_hand.discard(region)
        item = self.regions[region]
        (x, y), (width, height) = item.pos(), item.size()
        rows, columns = self.image.image.shape
        self.drawn.emit(region, Rectangle(x, y, width, height).within(columns, rows))

    def _keep_levels(self) -> None:
        self._levels = self.scale.levels()

    def _free_levels(self) -> None:
        self._levels = None
        self._set_levels()

    def _set_levels(self) -> None:
        self.scale.setLevels(self._levels or levels(self.image.image))


def levels(image: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the values of an image, of any numeric dtype, for the first and the last colour."""
    step = max(1, int(np.ceil(np.sqrt(image.size / LOOKED_AT))))
    pixels = image[::step, ::step]
    pixels = pixels[np.isfinite(pixels)]
    if not pixels.size:
        return 0.0, 1.0
    low, high = (float(level) for level in np.percentile(pixels, SHOWN_SHARE))
    return low, high if high > low else low + 1.0

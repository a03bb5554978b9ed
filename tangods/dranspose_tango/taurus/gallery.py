"""All curves and images of a reducer side by side."""

from __future__ import annotations

from typing import Any

from taurus.external.qt import QtCore, QtWidgets

from dranspose_tango.taurus.plots import CurvePlot, ImagePlot, Plot
from dranspose_tango.taurus.regions import Region
from dranspose_tango.taurus.results import Kind, Result

COLUMNS = 2


class Gallery(QtWidgets.QScrollArea):
    """The plots, of which those are made anew whose results are others.

    Attributes:
        drawn: signal with a region and its rectangle, when the user has changed it.
        plots: what is shown, by the names of the attributes.
    """

    drawn = QtCore.Signal(object, object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QtWidgets.QFrame.NoFrame)
        inner = QtWidgets.QWidget()
        self._grid = QtWidgets.QGridLayout(inner)
        self._nothing = QtWidgets.QLabel("Nothing is published so far that is a curve or an image.")
        self._nothing.setAlignment(QtCore.Qt.AlignCenter)
        self._grid.addWidget(self._nothing, 0, 0)
        self.setWidget(inner)
        self.plots: dict[str, Plot] = {}
        self._regions: tuple[Region, ...] = ()

    def show_results(
        self, results: tuple[Result, ...], device: str, regions: tuple[Region, ...], settings: dict[str, Any]
    ) -> None:
        """Take what there is to show.

        Args:
            results: what is published.
            device: the full name of who publishes it.
            regions: what may be drawn on images.
            settings: the values of the parameters.
        """
        wanted = [result for result in results if result.kind is not Kind.VALUE]
        wanted.sort(key=lambda result: result.kind is Kind.CURVE)
        shown = [(plot.result, plot.device) for plot in self.plots.values()]
        if shown != [(result, device) for result in wanted] or regions != self._regions:
            self._arrange(wanted, device, regions)
        for plot in self.plots.values():
            if isinstance(plot, ImagePlot):
                plot.show_regions(settings)

    def settle(self, region: Region) -> None:
        """Have a region go to where the parameters say, though it was drawn elsewhere."""
        for plot in self.plots.values():
            if isinstance(plot, ImagePlot):
                plot.settle(region)

    def close_models(self) -> None:
        """Let go of all attributes."""
        for plot in self.plots.values():
            plot.close_model()

    def _arrange(self, wanted: list[Result], device: str, regions: tuple[Region, ...]) -> None:
        before, self.plots = self.plots, {}
        for result in wanted:
            plot = before.get(result.name)
            if plot is not None and (plot.result, plot.device, self._regions) == (result, device, regions):
                self.plots[result.name] = before.pop(result.name)
            else:
                self.plots[result.name] = self._plot(result, device, regions)
        for plot in before.values():
            plot.close_model()
            self._grid.removeWidget(plot)
            plot.deleteLater()
        for place, plot in enumerate(self.plots.values()):
            rest = COLUMNS - place % COLUMNS if place == len(self.plots) - 1 else 1
            self._grid.addWidget(plot, place // COLUMNS, place % COLUMNS, 1, rest)
            self._grid.setRowStretch(place // COLUMNS, 3 if isinstance(plot, ImagePlot) else 2)
        self._regions = regions
        self._nothing.setVisible(not self.plots)

    def _plot(self, result: Result, device: str, regions: tuple[Region, ...]) -> Plot:
        if result.kind is Kind.CURVE:
            return CurvePlot(result, device)
        plot = ImagePlot(result, device, regions)
        plot.drawn.connect(self.drawn)
        return plot

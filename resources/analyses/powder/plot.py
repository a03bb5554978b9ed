"""Draw the maps that the powder analysis wrote, and the diffractogram of the whole sample."""

import sys
from pathlib import Path

import h5py
import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt


def main(maps: Path, picture: Path) -> None:
    """Draw the maps of a file side by side, above the mean of all diffractograms."""
    figure, axes = plt.subplot_mosaic(
        [["amount", "strain"], ["pattern", "pattern"]], figsize=(9, 7), height_ratios=[3, 2], layout="constrained"
    )
    with h5py.File(maps) as file:
        data = file["entry/data"]
        x, y = data["map_x"][:], data["map_y"][:]
        for name, values, colours in (
            ("amount", data["amount_map"][:], "viridis"),
            ("strain", 1000 * data["strain_map"][:], "coolwarm"),
        ):
            mesh = axes[name].pcolormesh(x, y, values, cmap=colours)
            axes[name].set(xlabel="x (mm)", ylabel="y (mm)", aspect="equal")
            figure.colorbar(mesh, shrink=0.8, label={"amount": "area of 220", "strain": "strain (1/1000)"}[name])
        axes["pattern"].plot(data["q"][:], np.nanmean(data["intensity"], axis=0))  # rows without an image are NaN
    axes["pattern"].set(xlabel="q (1/Å)", ylabel="mean intensity (counts)", yscale="log")
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

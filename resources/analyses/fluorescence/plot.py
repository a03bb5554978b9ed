"""Draw the maps that the fluorescence analysis wrote, and the spectrum of the whole sample."""

import sys
from pathlib import Path

import h5py
import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt


def main(maps: Path, picture: Path) -> None:
    """Draw the maps of a file side by side, above the spectrum."""
    with h5py.File(maps) as file:
        data = file["entry/data"]
        elements = [name.removesuffix("_map") for name in data if name.endswith("_map")]
        figure, axes = plt.subplot_mosaic(
            [elements, ["spectrum"] * len(elements)], figsize=(9, 7), height_ratios=[3, 2], layout="constrained"
        )
        for element in elements:
            mesh = axes[element].pcolormesh(data["map_x"][:], data["map_y"][:], data[f"{element}_map"][:] / 1e9)
            axes[element].set(title=element, xlabel="x (mm)", ylabel="y (mm)", aspect="equal")
            figure.colorbar(mesh, shrink=0.8, label="counts per nA")
        axes["spectrum"].plot(data["energy"][:] / 1000, data["spectrum"][:])
    axes["spectrum"].set(xlabel="energy (keV)", ylabel="counts", yscale="log", xlim=(0, 13))
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Draw the diffractograms that the tutorial's last stage wrote."""

import sys
from pathlib import Path

import h5py
import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt


def main(processed: Path, picture: Path) -> None:
    """Draw one curve for each event of the processed file."""
    with h5py.File(processed) as file:
        q, intensities = file["radial_axis"][:], file["I"][:]
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    colours = mpl.colormaps["viridis"]
    for event in range(1, len(intensities)):  # event 0 is the start of the series
        axes.plot(q, intensities[event], "o-", color=colours(event / len(intensities)), label=f"event {event}")
    axes.set(xlabel="q (1/Å)", ylabel="mean intensity (counts)", title=processed.name)
    figure.legend(loc="outside right upper")
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

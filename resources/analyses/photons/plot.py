"""Draw the spectrum of single photons that the photon analysis wrote, beside that of the plain sum of the images."""

import sys
from pathlib import Path

import h5py
import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt


def main(spectrum: Path, picture: Path) -> None:
    """Draw both, each with its largest value as 1."""
    with h5py.File(spectrum) as file:
        data = file["entry/data"]
        counted, column, scans = data["spectrum"][:], data["column"][:], data["scans"][()]
        plain = data["image"][:].sum(axis=0)
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    axes.step(range(len(plain)), plain / plain.max(), where="mid", color="grey", label="images added up")
    axes.step(column, counted / counted.max(), where="mid", label=f"{counted.sum()} photons of {scans} scans")
    middle = column[counted.argmax()]
    axes.set(xlim=(middle - 6, middle + 8), xlabel="column (pixels)", ylabel="intensity (of the largest)")
    axes.legend()
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

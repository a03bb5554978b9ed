"""All benchmarks, one table each; figures of different systems are good as ratios within one run."""

import argparse
import sys
from pathlib import Path

import bench_azint
import bench_replay

parser = argparse.ArgumentParser()
parser.add_argument("--peer", type=Path, help="virtual environment of another dranspose to compare with")
peer = parser.parse_args().peer

print(f"Python {sys.version.split()[0]}\n")
bench_replay.main(["--peer", str(peer)] if peer else [])
print()
bench_azint.main()
